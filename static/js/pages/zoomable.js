/**
 * A chart that answers a pointer: Plotly's own hover, and its own zoom in time by a drag. Charts that
 * are linked show one window of time; so does the link to the map below them.
 */

import { baseLayout, colour, forgetSizes, sizeOf } from "../charts/plot.js";
import { made } from "../shared/dom.js";

/**
 * @typedef {import("../view/view.js").Span} Span
 * What a chart is made of.
 * @typedef {object} Content
 * @property {Plotly.Trace[]} traces
 * @property {Partial<Plotly.Layout>} axes
 * @property {{t: number[], text: string[]}} hover what is written of an instant that is pointed at
 */

/** @type {Plotly.Config} */
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false };
const MARGIN = { t: 8, b: 24 };
const SHORTEST_NS = 1000;

export class ZoomableChart {
  /** @type {Plotly.Figure} */
  figure;

  /**
   * @param {HTMLElement} place whose picture, from the server, this one takes the place of
   * @param {(window: Span | null) => void} zoomed to a window, or (null) to the whole
   */
  constructor(place, zoomed) {
    this.place = place;
    this.zoomed = zoomed;
    this.figure = /** @type {Plotly.Figure} */ (
      /** @type {unknown} */ (made("div", "", "chart-figure"))
    );
  }

  get height() {
    return sizeOf(this.figure).height - MARGIN.t - MARGIN.b;
  }

  /** Take the place of the picture that the page came with. */
  open() {
    if (this.figure.isConnected) return;
    this.figure.setAttribute("role", "img");
    this.figure.setAttribute("aria-label", this.place.querySelector("svg")?.ariaLabel ?? "");
    this.place.replaceChildren(this.figure);
  }

  /**
   * @param {Span} window
   * @param {(layout: Plotly.Layout) => Content} fill
   */
  draw(window, fill) {
    const isFirst = !this.figure.classList.contains("js-plotly-plot");
    const layout = baseLayout({ time: window }, sizeOf(this.figure), MARGIN, true);
    const { traces, axes, hover } = fill(layout);
    const page = colour("page");
    Object.assign(layout, axes, {
      paper_bgcolor: page, // what Plotly takes for the ground of a line that follows the pointer
      plot_bgcolor: page,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger scrolls the page
      hovermode: "x",
      hoverlabel: {
        bgcolor: page,
        bordercolor: colour("muted"),
        font: { color: colour("ink") },
        align: "left",
      },
    });
    layout.xaxis = { ...layout.xaxis, fixedrange: false, ...SPIKE, spikecolor: colour("ink") };
    Plotly.react(this.figure, [...traces, hoverTrace(hover)], layout, CONFIG);
    if (isFirst) this.#listen();
  }

  #listen() {
    this.figure.on("plotly_relayout", (update) => {
      const [from, to] = [update["xaxis.range[0]"], update["xaxis.range[1]"]].map(Number);
      if (to - from >= SHORTEST_NS) this.zoomed({ from: Math.floor(from), to: Math.ceil(to) });
    });
    this.figure.on("plotly_doubleclick", () => this.zoomed(null));
  }
}

/**
 * Draw now, and again in other colours or at another width.
 * @param {() => void} draw
 */
export function keepDrawn(draw) {
  draw();
  document.documentElement.addEventListener("themechange", draw);
  window.addEventListener("resize", () => {
    forgetSizes();
    draw();
  });
}

/** @type {Partial<Plotly.Axis>} */
const SPIKE = {
  showspikes: true,
  spikemode: "across",
  spikesnap: "cursor",
  spikethickness: 1,
  spikedash: "dash",
};

/**
 * Nothing to see: places whose text Plotly shows to who points near them.
 * @param {Content["hover"]} hover
 * @returns {Plotly.Trace}
 */
function hoverTrace({ t, text }) {
  return {
    type: "scatter",
    mode: "markers",
    x: t,
    y: t.map(() => 0),
    marker: { opacity: 0 },
    text,
    hoverinfo: "text",
  };
}
