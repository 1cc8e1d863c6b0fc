/** As much of plotly.js as the pages use: it has no types of its own for this version. */

declare namespace Plotly {
  interface Axis {
    range?: readonly number[];
    domain?: readonly number[];
    anchor?: string;
    position?: number;
    overlaying?: string;
    side?: "left" | "right";
    rangemode?: "tozero";
    tickmode?: "array";
    tickvals?: readonly number[];
    ticktext?: readonly string[];
    tickformat?: string;
    hoverformat?: string;
    tickfont?: Font;
    ticks?: "outside" | "";
    ticklen?: number;
    tickcolor?: string;
    gridcolor?: string;
    showgrid?: boolean;
    showline?: boolean;
    zeroline?: boolean;
    zerolinecolor?: string;
    zerolinewidth?: number;
    fixedrange?: boolean;
    visible?: boolean;
    showspikes?: boolean;
    spikemode?: "across";
    spikesnap?: "cursor";
    spikethickness?: number;
    spikedash?: "dash";
    spikecolor?: string;
    title?: { text: string };
  }

  interface Font {
    family?: string;
    size?: number;
    color?: string;
  }

  interface LayoutImage {
    source: string;
    xref: string;
    yref: string;
    x: number;
    y: number;
    sizex: number;
    sizey: number;
    xanchor?: "left";
    yanchor?: "top";
    sizing: "stretch";
    layer: "below";
  }

  interface Annotation {
    text: string;
    xref: string;
    x: number;
    xanchor: "left";
    xshift: number;
    yref: string;
    y: number;
    yanchor: "top" | "middle";
    showarrow: boolean;
    borderpad: number;
  }

  /** A stretch of the time axis, over the whole height. */
  interface Shape {
    type: "rect";
    xref: "x";
    yref: "paper";
    x0: number;
    x1: number;
    y0: 0;
    y1: 1;
    fillcolor: string;
    line: { width: 0 };
    layer: "below";
  }

  interface Layout {
    width?: number;
    height?: number;
    margin: { l: number; r: number; t: number; b: number; pad?: number };
    autosize?: boolean;
    paper_bgcolor: string;
    plot_bgcolor: string;
    showlegend: boolean;
    font: Font;
    bargap?: number;
    barmode?: "relative";
    xaxis: Axis;
    yaxis?: Axis;
    yaxis2?: Axis;
    yaxis3?: Axis;
    yaxis4?: Axis;
    yaxis5?: Axis;
    images?: LayoutImage[];
    annotations?: Annotation[];
    shapes?: Shape[];
    dragmode?: "zoom" | false;
    hovermode?: "x" | "x unified";
    hoverlabel?: { bgcolor: string; bordercolor: string; font: Font; align: "left" };
  }

  interface Pattern {
    shape: "/";
    fgcolor: string;
    bgcolor: string;
    size: number;
    solidity: number;
  }

  interface Trace {
    type?: "scatter" | "bar";
    mode?: "lines" | "markers";
    name?: string;
    x: readonly number[];
    y: readonly (number | null)[];
    yaxis?: string;
    width?: readonly number[] | number;
    line?: { color?: string; width: number; shape?: "hv" | "vh" };
    marker?: {
      color?: string;
      opacity?: number;
      symbol?: string;
      size?: number | readonly number[];
      line?: { width: number; color?: string };
      pattern?: Pattern;
    };
    fill?: "tozeroy" | "tonexty";
    stackgroup?: string;
    fillcolor?: string;
    fillpattern?: Pattern;
    text?: readonly string[];
    customdata?: readonly number[];
    hovertemplate?: string;
    hoverinfo?: "skip" | "text";
  }

  interface Config {
    staticPlot?: boolean;
    displayModeBar?: boolean;
    responsive?: boolean;
    doubleClick?: false;
    showTips?: false;
    displaylogo?: boolean;
    modeBarButtonsToRemove?: readonly string[];
  }

  /** An element that something is drawn in, with what a person does to it. */
  interface Figure extends HTMLElement {
    readonly layout: Layout;
    on(
      event: "plotly_relayout" | "plotly_doubleclick",
      does: (update: Record<string, unknown>) => void,
    ): void;
  }

  type Draw = (
    element: HTMLElement,
    traces: readonly Trace[],
    layout: Layout,
    config: Config,
  ) => Promise<HTMLElement>;
}

declare const Plotly: {
  newPlot: Plotly.Draw;
  react: Plotly.Draw;
  /** Of a layout that is drawn, values by their path in it: "xaxis.range". */
  relayout(element: HTMLElement, update: Record<string, unknown>): Promise<HTMLElement>;
};

interface Window {
  /** Missing where npm's libraries were not installed. */
  Plotly?: typeof Plotly;
}
