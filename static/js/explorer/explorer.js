/** The VM explorer: one view drives all parts; here they are put together. */

import { Controls } from "./controls.js";
import { EventsTable } from "./events/events_table.js";
import { historyUrl } from "../shared/links.js";
import { FilterBar } from "./events/filter_bar.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { Inspector } from "./cursor/inspector.js";
import { JumpBox } from "./cursor/jump.js";
import { MemslotBars } from "../charts/memslot_bars.js";
import { LiveReader, endOf } from "./live.js";
import { MapPlot } from "../charts/map.js";
import { Markers } from "./cursor/markers.js";
import { Notes } from "./notes/notes.js";
import { Permalink } from "./permalink.js";
import { forgetSizes, plotWidth, publishMargins } from "../charts/plot.js";
import { ViewRequests } from "./view_requests.js";
import { Refused, fetchAll, fetchJson } from "../shared/rest.js";
import { Scrubber } from "./cursor/scrubber.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import { EventSteps } from "./events/event_steps.js";
import { Storms } from "./storms.js";
import { Strip } from "../charts/strip.js";
import { ExportDialog } from "./export_dialog.js";
import { setClock } from "../shared/time.js";
import { Timeline } from "../charts/timeline.js";
import { View } from "../charts/view.js";
import { pinnedSearch, readUrl, searchOf } from "../charts/view_url.js";

const SETTLE_MS = 60;
const RETRY_MS = 2000;

const byId = (id) => document.getElementById(id);

class Explorer {
  view = new View();
  memslots = [];
  vm = null;
  recording = null;
  /** When the recording's writer stored something last (Date.now()), while it is alive. */
  storedAt = -Infinity;
  changedAt = -Infinity;
  requests = new ViewRequests(this);

  constructor(root) {
    this.root = root;
    this.help = byId("help");
    this.vmId = Number(root.dataset.vm);
    this.path = `/api/v1/vms/${this.vmId}`;
    this.status = new Status({
      following: byId("following"),
      follow: byId("follow"),
      age: byId("age"),
      totals: byId("totals"),
      banner: byId("banner"),
      failed: byId("failed"),
      lost: byId("lost"),
    });
  }

  /** Read what does not depend on the view, then draw for the first time. */
  async start() {
    publishMargins(this.root);
    if (!window.Plotly) {
      throw new Error("static/vendor/plotly.min.js is missing: make run installs it.");
    }
    const subject = await this.loadSubject();
    const { vm, recording } = subject;
    this.buildParts({ vmId: this.vmId, recording, hasFaults: () => this.timeline.has.faults });
    this.takeSubject(subject);
    const end = this.isLive ? endOf(vm.span[1]) : vm.span[1];
    this.view.span = [vm.span[0], Math.max(end, vm.span[0] + 1)];
    readUrl(this.view, window.location.search, this.isLive);
    this.listen();
    await this.read();
    this.storms.keepReading();
    this.notes.keepReading();
  }

  get isLive() {
    return this.recording.is_live && this.vm.ended_t === null;
  }

  /** Counts, whether it is still being recorded, and every memslot that there was. */
  async loadSubject(signal) {
    const [vm, recording, memslots] = await Promise.all([
      fetchJson(this.path, signal),
      fetchJson(`/api/v1/recordings/${this.root.dataset.recording}`, signal),
      fetchAll(`${this.path}/memslots`, signal),
    ]);
    const { silent_ms } = recording;
    return {
      vm,
      recording,
      memslots,
      storedAt: silent_ms === null ? null : Date.now() - silent_ms,
    };
  }

  takeSubject({ vm, recording, memslots, storedAt }) {
    Object.assign(this, { vm, recording, memslots });
    // What has come since these were asked for is younger.
    if (storedAt !== null) this.storedAt = Math.max(this.storedAt, storedAt);
    this.timeline.chooseSubplots(vm);
    setClock(recording.clock);
    this.status.showTrouble(vm, recording);
    if (!this.isLive) document.querySelector(".badge.live")?.remove();
    if (memslots.length) this.view.takeMemslots(memslots);
  }

  showStatus() {
    this.status.showFollowing(this.view, this);
  }

  toggleFollowing() {
    if (!this.isLive) return;
    if (this.view.isFollowing) this.view.pause();
    else this.view.follow();
  }

  buildParts(subject) {
    const { vmId } = this;
    this.stage = new Stage(this);
    this.map = new MapPlot(byId("map"), byId("map-overlay"), vmId);
    this.timeline = new Timeline(
      byId("timeline"),
      byId("timeline-overlay"),
      { readout: byId("timeline-readout"), counted: byId("timeline-counted") },
      vmId,
    );
    this.storms = new Storms(byId("storms"), this);
    this.markers = new Markers([this.map.overlay, this.timeline.overlay], this);
    this.notes = new Notes(this);
    this.jump = new JumpBox(byId("jump"), byId("jump-said"), this);
    this.permalink = new Permalink(byId("copy-link"), byId("link-said"), this);
    this.exportDialog = new ExportDialog(
      { dialog: byId("export"), rows: byId("export-rows"), what: byId("export-what") },
      this,
    );
    this.scrubber = new Scrubber(this);
    this.eventSteps = new EventSteps(this);
    this.filterBar = new FilterBar(byId("filters"), byId("filters-note"), this.view);
    this.memslotBars = new MemslotBars(byId("memslots"));
    this.strip = new Strip(byId("strip"), byId("strip-caption"), vmId);
    this.inspector = new Inspector(byId("inspector"), byId("inspector-title"), subject);
    this.events = new EventsTable(
      { body: byId("events-body"), caption: byId("events-caption"), more: byId("events-more") },
      subject,
    );
  }

  listen() {
    this.view.addEventListener("change", () => this.viewChanged());
    this.controls = new Controls(this);
    window.addEventListener("popstate", () => this.returnInHistory());
    document.documentElement.addEventListener("themechange", () => this.read());
    new ResizeObserver(() => this.resized()).observe(this.root);
    if (this.isLive) new LiveReader(this);
  }

  /**
   * The window, the cursor or the measure changed: ask for it at once, or, while it keeps changing,
   * as soon as it pauses; show meanwhile what can be shown.
   */
  viewChanged() {
    const isFirst = performance.now() - this.changedAt > SETTLE_MS;
    this.changedAt = performance.now();
    clearTimeout(this.timer);
    if (isFirst) this.read();
    else this.timer = setTimeout(() => this.read(), SETTLE_MS);
    this.stage.follow(isFirst);
  }

  /** What needs no answer of the server: memslots, cursor, losses, the state of the controls. */
  placeMarks() {
    const { view, stage, map, timeline } = this;
    const { axis } = stage;
    for (const each of [axis, stage.shown]) each?.takeCursor(view);
    const losses = timeline.answer?.losses ?? [];
    this.memslotBars.draw(axis, this.memslots);
    map.placeMarks(axis, losses);
    timeline.placeMarks(axis, this.storms.found);
    this.markers.place(axis);
    this.exportDialog.follow();
    this.filterBar.show(view, this.memslots, losses);
    this.notes.place(axis);
    this.scrubber.place(axis);
    this.showStatus();
    const { measure } = this.status.isGone ? axis : view;
    document.querySelector(`input[name=measure][value=${measure}]`).checked = true;
    byId("clear-cursor").hidden = view.t === null;
    this.placeLife(axis);
  }

  /** Of selected addresses, a link to every event that touched them in the time that is shown. */
  placeLife({ gpaFrom, gpaTo, addresses, time }) {
    const link = byId("life");
    link.hidden = gpaFrom === null && gpaTo === null;
    if (link.hidden) return;
    const npages = Math.max(1, (addresses.to - addresses.from) / PAGE_SIZE);
    link.href = historyUrl(this.vmId, addresses.from, npages, time);
  }

  /** Let the page's address say what is shown. Browsers allow few changes of it a second. */
  showAddress() {
    window.history.replaceState(null, "", window.location.pathname + searchOf(this.view));
  }

  /** Let the browser's back button return to what is shown now: before a jump, not a step. */
  keepInHistory() {
    const shown = window.location.pathname + searchOf(this.view);
    window.history.replaceState(null, "", shown);
    window.history.pushState(null, "", shown);
  }

  /** Show what a query string says, as if its link had been followed. */
  goTo(search) {
    this.keepInHistory();
    readUrl(this.view, search, this.isLive);
    this.view.changed();
  }

  showWhole() {
    this.keepInHistory();
    this.view.showWhole(this.isLive);
  }

  returnInHistory() {
    readUrl(this.view, window.location.search, this.isLive);
    this.view.changed();
  }

  /** Ask for exactly what is wanted, and draw it. Older questions are aborted. */
  async read(withSubject = false) {
    clearTimeout(this.timer);
    clearTimeout(this.retry);
    this.showAddress();
    this.root.setAttribute("aria-busy", "true");
    try {
      const isNewest = await this.requests.all(withSubject);
      if (!isNewest) return;
      this.status.showRead();
      this.root.dataset.ready = "true";
    } catch (error) {
      this.failed(error);
    }
    this.root.setAttribute("aria-busy", "false");
  }

  /** As `read`, where only the cursor has moved in time. Resolves to whether the server answers. */
  async readCursor() {
    try {
      if (await this.requests.cursor()) this.status.showRead();
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** As `read`, of what does not depend on the view. */
  async readSubject() {
    try {
      this.takeSubject(await this.loadSubject());
      this.placeMarks();
    } catch (error) {
      this.failed(error);
    }
  }

  drawStrip(view, answer) {
    this.strip.draw(view, answer);
    this.status.showTotals(answer.totals, view.instantText, this.vm);
  }

  get mapSize() {
    return { width: plotWidth(this.map.figure), height: this.map.height };
  }

  readMoreEvents() {
    this.events.more().catch((error) => this.failed(error));
  }

  /** The pointer is over an instant (and, on the map, an address), or over nothing. */
  hover(at) {
    const { stage, map, timeline } = this;
    const t = at?.t ?? null;
    map.overlay.placeHover(stage.axis, t);
    timeline.overlay.placeHover(stage.axis, t);
    timeline.showBucket(t);
    if (at && at.gpa !== null) this.inspect({ ...at, isKept: false });
    else if (!at) this.inspectCursor();
  }

  inspect(at) {
    if (!this.map.parametersShown) return;
    this.inspector.show(at, this.map.parametersShown, this.memslots, (e) => this.failed(e));
  }

  inspectCursor() {
    const { t, gpa, isCursorInView } = this.stage.axis;
    if (gpa === null || !isCursorInView) this.inspector.clear();
    else this.inspect({ t, gpa, isKept: true, search: pinnedSearch(this.stage.axis) });
  }

  resized() {
    forgetSizes();
    publishMargins(this.root);
    const size = `${plotWidth(this.map.figure)} × ${this.map.height}`;
    const isFirst = this.size === undefined;
    if (size === this.size) return;
    this.size = size;
    if (!isFirst) this.viewChanged();
  }

  failed(error) {
    this.tell(error);
    this.stage.restore();
    this.root.setAttribute("aria-busy", "false");
    clearTimeout(this.retry);
    if (!(error instanceof Refused)) this.retry = setTimeout(() => this.read(true), RETRY_MS);
  }

  tell(error) {
    this.status.showError(error, this.stage.isBehind);
  }
}

const explorer = new Explorer(byId("explorer"));
explorer.start().catch((error) => {
  const banner = byId("banner");
  banner.hidden = false;
  banner.textContent = `${error.message} Reload the page to try again.`;
  explorer.root.setAttribute("aria-busy", "false");
});
