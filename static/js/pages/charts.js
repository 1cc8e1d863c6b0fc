/**
 * The charts of pages about a stretch of time. A page comes with a picture of each; where there are
 * scripts, a chart that can be pointed at and zoomed takes its place. Deferred parts of a page bring theirs
 * with them.
 */

import { showBacking } from "./backing_charts.js";
import { showTimeline } from "./timeline_chart.js";

/** @type {Record<string, (figure: HTMLElement) => void>} */
const CHARTS = { timeline: showTimeline, backing: showBacking };

function showCharts() {
  /** @type {NodeListOf<HTMLElement>} */
  const places = document.querySelectorAll("[data-chart]");
  for (const place of places) {
    CHARTS[place.dataset.chart ?? ""](place);
    delete place.dataset.chart;
  }
}

if (window.Plotly) {
  showCharts();
  document.addEventListener("htmx:after:swap", showCharts);
}
