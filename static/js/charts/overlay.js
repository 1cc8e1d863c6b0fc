/** Marks over a plot: cursor, hover, brush, losses, chapters. Positions are shares of the plotting area. */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../view/view.js").Span} Span
 * @typedef {import("../shared/rest_types.d.ts").LossView} Loss
 * @typedef {import("../shared/rest_types.d.ts").ExpiredView} Expired
 * @typedef {import("../shared/rest_types.d.ts").StormRow} Storm
 * @typedef {import("../shared/rest_types.d.ts").RecordingView} Recording
 * @typedef {import("../shared/rest_types.d.ts").ChapterView} Chapter
 */

import { made } from "../shared/dom.js";
import { formatCount } from "../shared/units.js";
import { formatDuration, formatTime, wallTimeAt } from "../shared/time.js";

/** @type {{losses: Loss[], expired: Expired[]}} */
export const NO_GAPS = { losses: [], expired: [] };

/** The source of a loss between two runs of the recorder. */
const NOT_RECORDING = "not recording";
/** Beyond this share of the width, a label is on the left of its line. */
const NEAR_THE_END = 0.6;

export class Overlay {
  /** @param {HTMLElement} element covers exactly the plotting area */
  constructor(element) {
    this.element = element;
    this.losses = this.add("div", "losses");
    this.storms = this.add("div", "storms");
    this.chapters = this.add("div", "chapters");
    this.hover = this.add("div", "mark mark-hover");
    this.cursor = this.add("div", "mark mark-cursor");
    this.brush = this.add("div", "brush");
    this.cursor.hidden = this.hover.hidden = this.brush.hidden = true;
  }

  /**
   * @template {keyof HTMLElementTagNameMap} K
   * @param {K} tag
   * @param {string} className
   */
  add(tag, className) {
    const child = made(tag, "", className);
    this.element.append(child);
    return child;
  }

  /**
   * Share of the width at which an instant lies.
   * @param {View} view
   * @param {number} t
   */
  static shareOf(view, t) {
    const { from, to } = view.time;
    return (t - from) / (to - from);
  }

  /** @param {View} view */
  placeCursor(view) {
    this.placeAt(this.cursor, view, view.t);
  }

  /**
   * @param {View} view
   * @param {number | null} t
   */
  placeHover(view, t) {
    this.placeAt(this.hover, view, t);
  }

  /**
   * @param {HTMLElement} mark
   * @param {View} view
   * @param {number | null} t
   */
  placeAt(mark, view, t) {
    const share = t === null ? -1 : Overlay.shareOf(view, t);
    mark.hidden = share < 0 || share > 1;
    mark.style.left = `${share * 100}%`;
  }

  /**
   * Cover the time in which events were lost, or are no longer kept, at least two pixels wide.
   * @param {View} view
   * @param {{losses: Loss[], expired: Expired[]}} gaps
   * @param {Recording} recording
   */
  placeGaps(view, { losses, expired }, { chapters }) {
    this.losses.replaceChildren(
      ...shownOf(view, expired).map((stretch) => expiredBand(view, stretch)),
      ...shownOf(view, losses).map((loss) => lossBand(view, loss, chapters)),
    );
  }

  /**
   * Mark the time of each storm along the upper edge.
   * @param {View} view
   * @param {Storm[]} storms
   */
  placeStorms(view, storms) {
    this.storms.replaceChildren(...shownOf(view, storms).map((storm) => stormBand(view, storm)));
  }

  /**
   * Mark where the recorder was started again.
   * @param {View} view
   * @param {Recording} recording
   */
  placeChapters(view, recording) {
    const marks = recording.chapters
      .map((chapter, i) => ({ chapter, before: recording.chapters[i - 1] }))
      .filter(({ before }) => before !== undefined)
      .map(({ chapter, before }) => chapterMark(view, recording, chapter, before));
    this.chapters.replaceChildren(...marks.filter((mark) => mark !== null));
  }

  /**
   * Show the brushed rectangle.
   * @param {import("./gestures.js").Box} box
   */
  placeBrush({ left, right, top, bottom }) {
    this.brush.hidden = false;
    this.brush.style.left = `${left * 100}%`;
    this.brush.style.width = `${(right - left) * 100}%`;
    this.brush.style.top = `${top * 100}%`;
    this.brush.style.height = `${(bottom - top) * 100}%`;
  }

  clearBrush() {
    this.brush.hidden = true;
  }
}

/**
 * Those of several stretches of time of which anything is in view.
 * @template {Span} S
 * @param {View} view
 * @param {S[]} stretches
 */
function shownOf(view, stretches) {
  const { from, to } = view.time;
  return stretches.filter((stretch) => stretch.to >= from && stretch.from <= to);
}

/**
 * @param {View} view
 * @param {Span} span
 * @param {string} className
 */
function bandOf(view, { from, to }, className) {
  const left = Math.max(0, Overlay.shareOf(view, from));
  const right = Math.min(1, Overlay.shareOf(view, to));
  const band = made("div", "", className);
  band.style.left = `${left * 100}%`;
  band.style.width = `max(2px, ${(right - left) * 100}%)`;
  return band;
}

/**
 * @param {View} view
 * @param {Storm} storm
 */
function stormBand(view, storm) {
  const band = bandOf(view, storm, "storm");
  const { kind, calls, from, to } = storm;
  const length = formatDuration(to - from);
  band.title = `storm ${storm.id}: ${formatCount(calls)} ${kind} in ${length} from ${formatTime(from)}`;
  return band;
}

/**
 * @param {View} view
 * @param {Recording} recording
 * @param {Chapter} chapter
 * @param {Chapter} before
 */
function chapterMark(view, recording, chapter, before) {
  const share = Overlay.shareOf(view, chapter.from);
  if (share < 0 || share > 1) return null;
  const mark = made("div", "", "chapter");
  mark.style.left = `${share * 100}%`;
  mark.classList.toggle("near-the-end", share > NEAR_THE_END);
  const isOtherBoot = chapter.boot_id !== before.boot_id;
  const words = isOtherBoot ? "after a reboot" : "recorded again";
  const wall = wallTimeAt(recording, chapter.from);
  const when = wall === null ? formatTime(chapter.from) : `${formatTime(chapter.from)}, ${wall}`;
  const why = isOtherBoot ? " after a reboot" : "";
  const label = made("span", words, "", `recorded again${why} from ${when}`);
  mark.append(label);
  return mark;
}

/**
 * @param {View} view
 * @param {Loss} loss
 * @param {Chapter[]} chapters
 */
function lossBand(view, loss, chapters) {
  const band = bandOf(view, loss, "loss");
  const when = `${formatTime(loss.from)} to ${formatTime(loss.to)}`;
  if (loss.source === NOT_RECORDING) {
    const last = chapters.findLast((chapter) => chapter.from < loss.to);
    band.title = `nothing was recorded, ${when}: ${last?.ended ?? "the recorder had ended"}`;
    return band;
  }
  const count = loss.count === null ? "an unknown number of" : formatCount(loss.count);
  band.title = `${count} events lost, ${when}`;
  return band;
}

/**
 * @param {View} view
 * @param {Expired} stretch
 */
function expiredBand(view, stretch) {
  const { from, to, count, cell_ns } = stretch;
  const band = bandOf(view, stretch, "expired");
  const what = `${formatCount(count)} events no longer kept, ${formatTime(from)} to ${formatTime(to)}`;
  const kept =
    cell_ns === null ? "nothing of them is known" : `shown in cells of ${formatDuration(cell_ns)}`;
  band.title = `${what}: ${kept}`;
  return band;
}
