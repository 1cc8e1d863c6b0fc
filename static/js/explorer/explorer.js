/** The VM explorer: one view drives all parts; here they are put together. */

import { MapPlot } from "../charts/map.js";
import { MemslotBars } from "../charts/memslot_bars.js";
import { NO_GAPS } from "../charts/overlay.js";
import { forgetSizes, plotWidth, publishMargins } from "../charts/plot.js";
import { Strip } from "../charts/strip.js";
import { Timeline } from "../charts/timeline.js";
import { shareStream } from "../news/news_stream.js";
import { byId } from "../shared/dom.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { historyUrl } from "../shared/links.js";
import { messageOf } from "../shared/rest.js";
import { setClock } from "../shared/time.js";
import { AddressBar } from "../view/address_bar.js";
import { Subject } from "../view/subject.js";
import { View } from "../view/view.js";
import { readUrl } from "../view/view_url.js";
import { Controls } from "./controls.js";
import { Inspector } from "./cursor/inspector.js";
import { JumpBox } from "./cursor/jump.js";
import { Markers } from "./cursor/markers.js";
import { Scrubber } from "./cursor/scrubber.js";
import { EventNavigation } from "./events/event_navigation.js";
import { EventsTable } from "./events/events_table.js";
import { FilterBar } from "./events/filter_bar.js";
import { eventsQuestion } from "./events/selected_events.js";
import { ExportDialog } from "./export_dialog.js";
import { LiveReader, endOf } from "./live.js";
import { Notes } from "./notes/notes.js";
import { Permalink } from "./permalink.js";
import { Pointing } from "./pointing.js";
import { Stage } from "./stage.js";
import { Status } from "./status.js";
import { Storms } from "./storms.js";
import { ViewReader } from "./view_reader.js";
import { ViewRequests } from "./view_requests.js";

class Explorer {
  size = "";

  /**
   * @param {HTMLElement} root
   * @param {Subject} subject
   */
  constructor(root, subject) {
    const { resource } = subject;
    const view = new View();
    const plots = plotsOf(resource);
    const { map, timeline } = plots;
    const failed = (/** @type {unknown} */ error) => this.reader.failed(error);
    const placeMarks = () => this.placeMarks();
    const addressBar = new AddressBar(view, subject);
    const stage = new Stage(view, subject, plots, this.#hooks());
    this.root = root;
    this.subject = subject;
    this.view = view;
    this.map = map;
    this.timeline = timeline;
    this.addressBar = addressBar;
    this.stage = stage;
    this.status = new Status();
    this.memslotBars = new MemslotBars(byId("memslots"));
    this.markers = new Markers([map.overlay, timeline.overlay], view, resource.id);
    this.jump = new JumpBox({ subject, view, addressBar, failed });
    this.inspector = new Inspector(subject);
    this.pointing = new Pointing(stage, plots, this.inspector, failed);
    this.scrubber = new Scrubber(view, stage, map.figure, this.#moves());
    this.events = new EventsTable(subject);
    this.eventNavigation = new EventNavigation(view, resource, this.#stepping());
    this.filterBar = new FilterBar(view);
    this.storms = new Storms({ subject, view, placeMarks, addressBar });
    this.notes = new Notes([map, timeline], { resource, stage, placeMarks, addressBar });
    this.permalink = new Permalink(view, stage);
    this.exportDialog = new ExportDialog(resource, stage, { ...plots, events: this.events });
    const requests = new ViewRequests(plots, { view, stage, subject, ...this.#asking() });
    this.reader = new ViewReader(requests, { root, stage, status: this.status, addressBar });
    this.controls = new Controls(view, stage, plots, this.#actions());
    this.#followSubject();
  }

  /** Draw for the first time, and from then on what a person or the recording changes. */
  async start() {
    const { view, subject } = this;
    const { span } = subject.vm;
    const end = subject.isLive ? endOf(span[1]) : span[1];
    view.span = [span[0], Math.max(end, span[0] + 1)];
    readUrl(view, window.location.search, subject.isLive);
    view.addEventListener("change", () => this.reader.viewChanged());
    document.documentElement.addEventListener("themechange", () =>
      this.reader.read({ isRestyled: true }),
    );
    new ResizeObserver(() => this.resized()).observe(this.root);
    if (subject.mayGoOn) this.#followRecording();
    await this.reader.read();
    this.storms.keepReading();
  }

  /** @returns {import("./stage.js").Hooks} */
  #hooks() {
    return {
      updateSubject: (known) => {
        this.subject.update(known);
        this.#followSubject();
      },
      showTotals: (view, { totals }) =>
        this.status.showTotals(totals, view.instantText, this.subject.vm),
      placeMarks: () => this.placeMarks(),
      pointAgain: () => this.controls.pointAgain(),
      inspectCursor: () => this.pointing.inspectCursor(),
      isServerGone: () => this.status.isGone,
    };
  }

  /** @returns {import("./cursor/scrubber.js").Moves} */
  #moves() {
    return {
      moved: () => this.placeMarks(),
      rested: () => {
        this.addressBar.show();
        this.pointing.inspectCursor();
      },
      read: () => this.reader.readCursor(),
    };
  }

  /** @returns {import("./events/event_navigation.js").Stepping} */
  #stepping() {
    return {
      mapSize: () => this.mapSize,
      none: (direction) => this.events.showNone(direction),
      failed: (error) => this.reader.failed(error),
    };
  }

  /** @returns {import("./view_requests.js").Asking} */
  #asking() {
    return {
      events: this.events,
      eventsQuestion: (asked) =>
        eventsQuestion(asked, this.mapSize, this.eventNavigation.placeIn(asked)),
      inspect: (asked, signal) => this.pointing.followCursor(asked, signal),
    };
  }

  /** @returns {import("./controls.js").Actions} */
  #actions() {
    const help = byId("help", HTMLDialogElement);
    return {
      showWhole: () => this.addressBar.showWhole(),
      keepInHistory: () => this.addressBar.keep(),
      toggleFollowing: () => this.toggleFollowing(),
      showHelp: () => help.showModal(),
      exportData: () => this.exportDialog.open(),
      readMoreEvents: () => void this.events.more().catch((error) => this.reader.failed(error)),
      hover: (at) => this.pointing.hover(at),
      nextEvent: () => this.eventNavigation.showNext(),
      previousEvent: () => this.eventNavigation.showPrevious(),
      nextStorm: () => this.storms.showNext(),
      previousStorm: () => this.storms.showPrevious(),
      togglePlaying: () => this.scrubber.toggle(),
      compareMarkers: () => this.markers.compare(),
      filterEvents: () => this.filterBar.open(),
      writeNote: () => this.notes.dialog.open(),
      copyLink: () => void this.permalink.copy(),
      jump: () => this.jump.open(),
    };
  }

  #followRecording() {
    const { subject, view } = this;
    new LiveReader(subject, view, {
      readAll: () => this.reader.read({ isRenewed: true }),
      readSubject: () => this.readSubject(),
      showError: (error) => this.reader.showError(error),
      showAge: () => this.status.showFollowing(view, subject),
    });
  }

  /** What is known of the VM is new. */
  #followSubject() {
    const { vm, recording, memslots, isLive } = this.subject;
    this.inspector.forget();
    this.timeline.chooseSubplots(vm);
    setClock(recording.clock);
    this.status.showTrouble(vm, recording);
    if (!isLive) document.querySelector(".badge.live")?.remove();
    if (memslots.length) this.view.setMemslots(memslots);
  }

  toggleFollowing() {
    if (!this.subject.isLive) return;
    if (this.view.isFollowing) this.view.pause();
    else this.view.follow();
  }

  /** What needs no answer of the server: memslots, cursor, losses, the state of the controls. */
  placeMarks() {
    const { view, stage, map, timeline, subject } = this;
    const { axis } = stage;
    const { memslots, recording } = subject;
    for (const each of [axis, stage.shown]) each?.copyCursor(view);
    const gaps = timeline.answer ?? NO_GAPS;
    this.memslotBars.draw(axis, memslots);
    map.placeMarks(axis, memslots, gaps, recording);
    timeline.placeMarks(axis, this.storms.found, recording);
    this.markers.place(axis);
    this.exportDialog.follow();
    this.filterBar.show(view, memslots, gaps);
    this.notes.place(axis);
    this.scrubber.place(axis);
    this.status.showFollowing(view, subject);
    this.controls.show(this.status.isGone ? axis : view);
    this.placeLife(axis);
  }

  /**
   * Of selected addresses, a link to every event that touched them in the time that is shown.
   * @param {View} axis
   */
  placeLife({ gpaFrom, gpaTo, addresses, time }) {
    const link = byId("life", HTMLAnchorElement);
    link.hidden = gpaFrom === null && gpaTo === null;
    if (link.hidden) return;
    const npages = Math.max(1, (addresses.to - addresses.from) / PAGE_SIZE);
    link.href = historyUrl(this.subject.vm.id, addresses.from, npages, time);
  }

  /** Ask for what does not depend on the view, and show it. */
  async readSubject() {
    try {
      this.subject.update(await this.subject.ask());
      this.#followSubject();
      this.placeMarks();
    } catch (error) {
      this.reader.failed(error);
    }
  }

  get mapSize() {
    return { width: plotWidth(this.map.figure), height: this.map.height };
  }

  resized() {
    forgetSizes();
    publishMargins(this.root);
    const size = `${plotWidth(this.map.figure)} × ${this.map.height}`;
    const isFirst = this.size === "";
    if (size === this.size) return;
    this.size = size;
    if (!isFirst) this.reader.viewChanged({ isRestyled: true });
  }
}

/** @param {import("../shared/resources.js").VmResource} resource */
function plotsOf(resource) {
  const texts = { readout: byId("timeline-readout"), counted: byId("timeline-counted") };
  return {
    map: new MapPlot(byId("map"), byId("map-overlay"), resource),
    timeline: new Timeline(byId("timeline"), byId("timeline-overlay"), texts, resource),
    strip: new Strip(byId("strip", HTMLCanvasElement), byId("strip-caption"), resource),
  };
}

/** Read what does not depend on the view, build the page, and draw it. */
async function start() {
  const root = byId("explorer");
  publishMargins(root);
  try {
    if (!window.Plotly) {
      throw new Error("static/vendor/plotly.min.js is missing: make run installs it.");
    }
    const subject = await Subject.of(Number(root.dataset.vm), Number(root.dataset.recording));
    await new Explorer(root, subject).start();
  } catch (error) {
    const banner = byId("banner");
    banner.hidden = false;
    banner.textContent = `${messageOf(error)} Reload the page to try again.`;
    root.setAttribute("aria-busy", "false");
  }
}

shareStream();
start();
