/** The line of numbers above everything, and the banner for what went wrong. */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../view/subject.js").Subject} Subject
 * @typedef {import("../shared/rest_types.d.ts").TimelineView} Counts
 * How fresh what is shown is.
 * @typedef {{text: string, title: string, isBad: boolean}} Age
 */

import { byId, made } from "../shared/dom.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { Refused, ServerGone, messageOf } from "../shared/rest.js";
import { formatDuration, formatTime, wallTimeAt } from "../shared/time.js";
import { formatCount, formatSize } from "../shared/units.js";

/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;
/** A collector that keeps up is behind what happens by less than a second. */
const LATE_MS = 5000;
/** Of a number that changes all the time. */
const SHOWN_DECIMALS = 1;
const END_DECIMALS = 3;

export class Status {
  parts = {
    following: byId("following"),
    follow: byId("follow"),
    age: byId("age"),
    totals: byId("totals"),
    banner: byId("banner"),
    failed: byId("failed"),
    lost: byId("lost"),
  };
  /** @type {Date | null} */
  readAt = null;
  /** Whether the server did not answer when it was asked last. */
  isGone = false;

  /**
   * Whether the page follows the recording, and how old what it shows is.
   * @param {View} view
   * @param {Subject} subject
   */
  showFollowing(view, subject) {
    const { following, follow, age } = this.parts;
    following.hidden = follow.hidden = !subject.isLive;
    following.className = view.isFollowing ? "following" : "paused";
    following.textContent = view.isFollowing ? "following" : "paused, this window stays";
    follow.textContent = view.isFollowing ? "pause" : "resume following (l)";
    const { text, title, isBad } = subject.isLive ? liveAge(view, subject) : endOf(subject);
    age.textContent = text;
    age.title = title;
    age.classList.toggle("stale", isBad);
  }

  /**
   * What needs a look: failed conversions of the VM, lost events of its recording.
   * @param {Subject["vm"]} vm
   * @param {Subject["recording"]} recording
   */
  showTrouble({ conversions }, { lost_events, losses }) {
    const { failed, lost } = this.parts;
    failed.hidden = conversions.failed === 0;
    failed.textContent = `${formatCount(conversions.failed)} failed`;
    lost.hidden = losses === 0;
    const count = lost_events ? formatCount(lost_events) : "an unknown number of";
    lost.textContent = `${count} events lost`;
  }

  /**
   * Pages of the whole VM by state: a timeline of one bucket, at the instant that is shown. Where no
   * memslot is known, of those pages that conversions named.
   * @param {Counts} totals
   * @param {string} when
   * @param {Subject["vm"]} vm
   */
  showTotals(totals, when, { layout_is_known }) {
    const { totals: element } = this.parts;
    const parts = /** @type {const} */ (["private", "shared", "unknown"]).map((state) => {
      const [pages] = totals[state];
      const least = layout_is_known ? "" : "at least ";
      const size = pages === null ? "not recorded" : `${least}${formatSize(pages * PAGE_SIZE)}`;
      const title =
        pages === null ? "No memslot is known." : `${formatCount(pages)} pages of the whole VM`;
      return made("span", `${state} ${size}`, `state state-${state}`, title);
    });
    element.replaceChildren(`${when}:`, ...parts);
  }

  /**
   * @param {unknown} error
   * @param {boolean} isBehind whether somebody wants to see something else than what is shown
   */
  showError(error, isBehind) {
    const { banner } = this.parts;
    banner.hidden = false;
    this.isGone = error instanceof ServerGone;
    if (this.isGone) {
      const since = this.readAt ? ` What is shown was read at ${clockText(this.readAt)}.` : "";
      const wanted = isBehind ? " What you chose since then is shown when it answers." : "";
      banner.textContent = `${messageOf(error)}${since}${wanted} Trying again.`;
    } else if (error instanceof Refused) {
      const verb = error.status < 500 ? "refused" : "failed";
      banner.textContent = `The server ${verb}: ${error.message}`;
    } else {
      banner.textContent = `This page failed: ${messageOf(error)}`;
      console.error(error);
    }
  }

  showRead() {
    this.isGone = false;
    this.readAt = new Date();
    this.parts.banner.hidden = true;
  }
}

/** @param {Date} date */
function clockText(date) {
  return date.toTimeString().slice(0, 8);
}

/**
 * How far the recording reaches, and when anything, be it that nothing happened, was stored.
 * @param {View} view
 * @param {Subject} subject
 * @returns {Age}
 */
function liveAge(view, { storedAt, recording }) {
  const newest = `newest ${formatTime(view.span[1], SHOWN_DECIMALS)}`;
  const silence = Date.now() - storedAt;
  const { behind_ms, silent_ms } = recording;
  if (behind_ms !== null && behind_ms - (silent_ms ?? 0) >= LATE_MS) {
    const behind = formatDuration(Math.round(behind_ms / 1000) * 1e9);
    const title = "The collector has more to store than it has time for: see the coverage.";
    return { text: `${newest}, ${behind} behind what happens`, title, isBad: true };
  }
  if (silence < STALE_MS) return { text: `${newest}, now`, title: "", isBad: false };
  return {
    text: `last data ${formatDuration(Math.round(silence / 1000) * 1e9)} ago, ${newest}`,
    title: "The collector stores several times a second, even that nothing happened.",
    isBad: true,
  };
}

/**
 * Why nothing is added any more.
 * @param {Subject} subject
 * @returns {Age}
 */
function endOf({ vm, recording }) {
  const last = vm.span[1];
  const end = formatTime(last, END_DECIMALS);
  if (recording.is_damaged) {
    return {
      text: "incomplete: the database is damaged",
      title: recording.incomplete_reason ?? "",
      isBad: true,
    };
  }
  if (recording.state === "incomplete") {
    const wall = wallTimeAt(recording, last);
    const since = wall === null || recording.source === "simulator" ? end : `${wall}, ${end}`;
    const text = `incomplete: nothing was recorded after ${since}`;
    return { text, title: recording.incomplete_reason ?? "", isBad: true };
  }
  if (vm.ended_t === null) return { text: `ends at ${end}`, title: "", isBad: false };
  const mark = vm.ended_is_inferred ? " (inferred)" : "";
  return { text: `the VM ended at ${end}${mark}`, title: "", isBad: false };
}
