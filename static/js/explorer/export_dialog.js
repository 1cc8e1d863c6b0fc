/** What is shown, as data: links that ask for exactly what the page asked for. */

import { describeFilters } from "../shared/event_filters.js";
import { formatAddress } from "../shared/gpa.js";
import { address } from "../shared/rest.js";
import { formatTime } from "../shared/time.js";

const NAMES = { csv: "CSV", json: "JSON", arrow: "Arrow", parquet: "Parquet" };

export class ExportDialog {
  #shown = "";

  /**
   * @param {{dialog: HTMLDialogElement, rows: HTMLElement, what: HTMLElement}} parts `dialog` has the
   *   limits of the server in its data
   * @param {Explorer} page
   */
  constructor(parts, page) {
    this.parts = parts;
    this.page = page;
  }

  open() {
    if (this.page.stage.shown === null) return;
    this.show();
    this.parts.dialog.showModal();
  }

  /** Follow the view while the dialog is open. */
  follow() {
    if (this.parts.dialog.open) this.show();
  }

  show() {
    const rows = this.rows();
    const shown = JSON.stringify(rows);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.parts.what.textContent = this.describe();
    this.parts.rows.replaceChildren(...rows.map((row) => this.row(row)));
  }

  describe() {
    const view = this.page.stage.shown;
    const { from, to } = view.time;
    const { from: low, to: high } = view.addresses;
    const isAll = view.gpaFrom === null && view.gpaTo === null;
    const where = isAll ? "all addresses" : `${formatAddress(low)} to ${formatAddress(high)}`;
    const filters = describeFilters(view.filters);
    return [`${formatTime(from)} to ${formatTime(to)}`, where, filters].filter(Boolean).join("; ");
  }

  /** What there is to take, each with the parameters that were asked with. */
  rows() {
    const { stage, events, map, timeline } = this.page;
    const view = stage.shown;
    const { mostJson, mostRows, mostRuns } = this.parts.dialog.dataset;
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

  row({ name, path, parameters, json = {}, table = {}, names = {} }) {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const links = document.createElement("td");
    for (const [format, text] of Object.entries({ ...NAMES, ...names })) {
      const limits = format === "json" ? json : table;
      links.append(this.link(`${name}, ${text}`, path, format, { ...parameters, ...limits }), " ");
      links.lastElementChild.textContent = text;
    }
    row.append(head, links);
    return row;
  }

  link(name, path, format, parameters) {
    const link = document.createElement("a");
    link.href = address(`${this.page.path}/${path}.${format}`, parameters);
    link.setAttribute("aria-label", name);
    link.download = `vm-${this.page.vmId}-${path}.${format}`;
    return link;
  }
}
