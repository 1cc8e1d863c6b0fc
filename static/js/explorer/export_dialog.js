/** What is shown, as data: links that ask for exactly what the page asked for. */

import { byId, made } from "../shared/dom.js";
import { describeFilters } from "../shared/event_filters.js";
import { formatAddress } from "../shared/gpa.js";
import { formatTime } from "../shared/time.js";

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../shared/rest.js").Parameters} Parameters
 * What is exported: a resource, what to ask it with, limits by format, names of its formats.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} path
 * @property {Parameters} parameters
 * @property {Parameters} [json]
 * @property {Parameters} [table]
 * @property {Record<string, string>} [names]
 */

/** @type {Record<string, string>} */
const NAMES = { csv: "CSV", json: "JSON", arrow: "Arrow", parquet: "Parquet" };

export class ExportDialog {
  #shown = "";

  /**
   * @param {import("../shared/resources.js").VmResource} resource
   * @param {import("../view/view.js").Staged} stage
   * @param {object} parts that asked for something
   * @param {import("../charts/map.js").MapPlot} parts.map
   * @param {import("../charts/timeline.js").Timeline} parts.timeline
   * @param {import("./events/events_table.js").EventsTable} parts.events
   */
  constructor(resource, stage, parts) {
    this.resource = resource;
    this.stage = stage;
    this.parts = parts;
    /** It has the limits of the server in its data. */
    this.dialog = byId("export", HTMLDialogElement);
  }

  open() {
    if (this.stage.shown === null) return;
    this.show(this.stage.shown);
    this.dialog.showModal();
  }

  /** Follow the view while the dialog is open. */
  follow() {
    if (this.dialog.open && this.stage.shown) this.show(this.stage.shown);
  }

  /** @param {View} view */
  show(view) {
    const rows = this.rows(view);
    const shown = JSON.stringify(rows);
    if (shown === this.#shown) return;
    this.#shown = shown;
    byId("export-what").textContent = describe(view);
    byId("export-rows").replaceChildren(...rows.map((row) => this.row(row)));
  }

  /**
   * What there is to export, each with the parameters that were asked with.
   * @param {View} view
   * @returns {Row[]}
   */
  rows(view) {
    const { events, map, timeline } = this.parts;
    const { mostJson, mostRows, mostRuns } = this.dialog.dataset;
    const at = { at: view.instant, ...view.addressParameters, limit: mostRuns };
    const where = events.isUnderCursor ? "under the cursor" : "in view";
    return [
      {
        name: `events ${where}`,
        path: "events",
        parameters: events.filter ?? {},
        json: { limit: mostJson },
        table: { limit: mostRows },
      },
      {
        name: "cells of the map",
        path: "raster",
        parameters: map.parametersShown ?? {},
        names: { json: "edges as JSON", png: "picture" },
      },
      { name: "counts over time", path: "timeline", parameters: timeline.parametersShown ?? {} },
      { name: `state ${view.instantText}`, path: "state", parameters: at },
      { name: "memslots of that time", path: "memslots", parameters: { ...view.time } },
    ];
  }

  /** @param {Row} row */
  row({ name, path, parameters, json = {}, table = {}, names = {} }) {
    const row = made("tr");
    const head = made("th", name);
    head.scope = "row";
    const links = made("td");
    for (const [format, text] of Object.entries({ ...NAMES, ...names })) {
      const limits = format === "json" ? json : table;
      const link = made("a", text);
      link.href = this.resource.url(`${path}.${format}`, { ...parameters, ...limits });
      link.setAttribute("aria-label", `${name}, ${text}`);
      link.download = `vm-${this.resource.id}-${path}.${format}`;
      links.append(link, " ");
    }
    row.append(head, links);
    return row;
  }
}

/** @param {View} view */
function describe(view) {
  const { from, to } = view.time;
  const { from: low, to: high } = view.addresses;
  const isAll = view.gpaFrom === null && view.gpaTo === null;
  const where = isAll ? "all addresses" : `${formatAddress(low)} to ${formatAddress(high)}`;
  const filters = describeFilters(view.filters);
  return [`${formatTime(from)} to ${formatTime(to)}`, where, filters].filter(Boolean).join("; ");
}
