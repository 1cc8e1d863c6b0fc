/*
 * The figures of a report: drawn from the data in the same file. Drag zooms all figures of a chapter in
 * time, double click resets.
 */

/**
 * The figures, as app/report writes them; times are in the unit that `time` names.
 * @typedef {object} TimelineFigure
 * @property {"timeline"} kind
 * @property {number[]} t middles of the bars
 * @property {number[]} width of each
 * @property {string} time
 * @property {string} per
 * @property {number[]} to_private
 * @property {number[]} to_shared
 * @property {number[]} to_unknown
 * @property {number[]} failed
 * @property {(number | null)[]} private_gib
 */

/**
 * @typedef {object} MapFigure
 * @property {"map"} kind
 * @property {string} image
 * @property {number} from
 * @property {number} to
 * @property {string} time
 * @property {number} rows
 * @property {number[]} ticks
 * @property {string[]} labels
 */

const COLOURS = {
  private: "#4453c4",
  shared: "#f0b443",
  unknown: "#8a909b",
  stripe: "#c9cdd4",
  failed: "#c2255c",
  ink: "#5b6270",
};
/** @type {Plotly.Config} */
const CONFIG = {
  responsive: true,
  displaylogo: false,
  modeBarButtonsToRemove: ["lasso2d", "select2d"],
};
const BASE = {
  margin: { l: 104, r: 56, t: 30, b: 36 },
  paper_bgcolor: "white",
  plot_bgcolor: "white",
  font: { size: 11, color: COLOURS.ink },
  showlegend: false,
  bargap: 0,
  hovermode: /** @type {const} */ ("x unified"), // one label for all that is drawn at an instant
};
/**
 * A new one for each figure: the library keeps a figure's zoom in the axis that it was given.
 * @param {string} title
 */
const timeAxis = (title) => ({ title: { text: title }, gridcolor: "#eceef2", hoverformat: ".6~f" });

/** @type {Record<string, TimelineFigure | MapFigure>} */
const figures = JSON.parse(document.getElementById("report-data")?.textContent ?? "{}");
for (const [id, figure] of Object.entries(figures)) {
  const element = document.getElementById(id);
  if (element && figure.kind === "timeline") drawTimeline(element, figure);
  else if (element && figure.kind === "map") drawMap(element, figure);
}
for (const chapter of document.querySelectorAll("section")) link(chapter);

/**
 * Let the figures of a chapter show one window of time: who zooms in on one does on all.
 * @param {HTMLElement} chapter
 */
function link(chapter) {
  /** @type {NodeListOf<Plotly.Figure>} */
  const linked = chapter.querySelectorAll(".js-plotly-plot");
  let isFollowing = false; // what follows reports its own zoom, too
  for (const figure of linked) {
    figure.on("plotly_relayout", async (update) => {
      const isOfTime = Object.keys(update).some((name) => name.startsWith("xaxis."));
      if (isFollowing || !isOfTime) return;
      isFollowing = true;
      const others = [...linked].filter((other) => other !== figure);
      const range = [...(figure.layout.xaxis.range ?? [])];
      await Promise.all(others.map((other) => Plotly.relayout(other, { "xaxis.range": range })));
      isFollowing = false;
    });
  }
}

/**
 * @param {HTMLElement} element
 * @param {TimelineFigure} figure
 */
function drawTimeline(element, figure) {
  const { time, per } = figure;
  /** @type {Plotly.Layout} */
  const layout = {
    ...BASE,
    height: 260,
    barmode: "relative",
    xaxis: timeAxis(time),
    yaxis: { title: { text: per }, gridcolor: "#eceef2", zerolinecolor: "#d9dce2" },
    yaxis2: {
      title: { text: "private GiB" },
      overlaying: "y",
      side: "right",
      rangemode: "tozero",
      showgrid: false,
      tickformat: ".3~g",
    },
  };
  const { to_private, to_shared } = figure;
  const traces = [
    bars(figure, to_private, COLOURS.private, `to private, ${per}`),
    bars(figure, to_shared, COLOURS.shared, `to shared, ${per}`),
    ...unknownBars(figure),
    privateLine(figure),
    failureCrosses(figure),
  ];
  Plotly.newPlot(element, traces, layout, CONFIG);
}

/**
 * @param {TimelineFigure} figure
 * @param {number[]} y
 * @param {string} color
 * @param {string} name
 * @returns {Plotly.Trace}
 */
function bars({ t, width }, y, color, name) {
  const customdata = y.map(Math.abs); // downwards is a direction, not a sign
  const hovertemplate = `%{customdata:.4~g} ${name}<extra></extra>`;
  return {
    type: "bar",
    x: t,
    y,
    width,
    marker: { color, line: { width: 0 } },
    customdata,
    hovertemplate,
  };
}

/**
 * Conversions of unknown direction: half upwards, half downwards, hatched.
 * @param {TimelineFigure} figure
 * @returns {Plotly.Trace[]}
 */
function unknownBars(figure) {
  const { to_unknown, per } = figure;
  if (to_unknown.every((rate) => rate === 0)) return [];
  const [fgcolor, bgcolor] = [COLOURS.stripe, COLOURS.unknown];
  /** @type {Plotly.Pattern} */
  const pattern = { shape: "/", fgcolor, bgcolor, size: 5, solidity: 0.4 };
  const [up, down] = [0.5, -0.5].map((part) => ({
    ...bars(figure, rated(to_unknown, part), COLOURS.unknown, `of unknown direction, ${per}`),
    marker: { color: COLOURS.unknown, line: { width: 0 }, pattern },
  }));
  // Both halves are one number, which is written once.
  return [
    { ...up, customdata: to_unknown },
    { ...down, hovertemplate: "", hoverinfo: "skip" },
  ];
}

/**
 * @param {number[]} rates
 * @param {number} part
 */
function rated(rates, part) {
  return rates.map((rate) => part * rate);
}

/**
 * @param {TimelineFigure} figure
 * @returns {Plotly.Trace}
 */
function privateLine({ t, private_gib }) {
  const line = { color: COLOURS.ink, width: 1 };
  return {
    x: t,
    y: private_gib,
    yaxis: "y2",
    mode: "lines",
    line,
    hovertemplate: "%{y:.4~g} GiB private<extra></extra>",
  };
}

/**
 * @param {TimelineFigure} figure
 * @returns {Plotly.Trace}
 */
function failureCrosses({ t, failed }) {
  const failures = t.filter((_, i) => failed[i] > 0);
  return {
    x: failures,
    y: failures.map(() => 0),
    mode: "markers",
    marker: { symbol: "x-thin", size: 7, line: { color: COLOURS.failed, width: 1.5 } },
    text: failed.filter((count) => count > 0).map((count) => `${count} failed`),
    hovertemplate: "%{text}<extra></extra>",
  };
}

/**
 * @param {HTMLElement} element
 * @param {MapFigure} figure
 */
function drawMap(element, { image, from, to, time, rows, ticks, labels }) {
  const picture = {
    source: image,
    xref: "x",
    yref: "y",
    x: from,
    sizex: to - from,
    y: rows,
    sizey: rows,
  };
  Plotly.newPlot(
    element,
    [{ x: [from, to], y: [0, rows], mode: "markers", marker: { opacity: 0 }, hoverinfo: "skip" }],
    {
      ...BASE,
      height: 440,
      images: [{ ...picture, sizing: "stretch", layer: "below" }],
      xaxis: { ...timeAxis(time), range: [from, to], showgrid: false },
      yaxis: {
        range: [0, rows],
        tickvals: ticks,
        ticktext: labels,
        showgrid: false,
        zeroline: false,
      },
    },
    CONFIG,
  );
}
