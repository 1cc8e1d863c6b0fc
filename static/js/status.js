/** The line of numbers above everything, and the banner for what went wrong. */

import { PAGE_SIZE } from "./gpa.js";
import { Refused, ServerGone } from "./rest.js";
import { formatDuration, formatTime } from "./time.js";
import { formatCount, formatSize } from "./units.js";

export class Status {
  /** @param {Record<string, HTMLElement>} parts follow, age, totals, failed, lost, banner */
  constructor(parts) {
    this.parts = parts;
    this.readAt = null;
  }

  /** Whether the page follows the recording, and how old what it shows is. */
  showFollowing(view, page) {
    const { follow, age } = this.parts;
    follow.hidden = !page.isLive;
    follow.setAttribute("aria-pressed", String(view.isFollowing));
    follow.textContent = view.isFollowing ? "● following" : "○ not following: press l";
    age.textContent = ageText(view, page);
  }

  /** What needs a look: failed conversions of the VM, lost events of its recording. */
  showTrouble({ conversions }, { lost_events, losses }) {
    const { failed, lost } = this.parts;
    failed.hidden = conversions.failed === 0;
    failed.textContent = `${formatCount(conversions.failed)} failed`;
    lost.hidden = losses === 0;
    const count = lost_events ? formatCount(lost_events) : "an unknown number of";
    lost.textContent = `${count} events lost`;
  }

  /** Pages of the whole VM by state: a timeline of one bucket, at the instant that is shown. */
  showTotals(totals, when) {
    const { totals: element } = this.parts;
    const parts = ["private", "shared", "unknown"].map((state) => {
      const part = document.createElement("span");
      part.className = `state state-${state}`;
      part.textContent = `${state} ${formatSize(totals[state][0] * PAGE_SIZE)}`;
      part.title = `${formatCount(totals[state][0])} pages of the whole VM`;
      return part;
    });
    element.replaceChildren(`${when}:`, ...parts);
  }

  showError(error) {
    const { banner } = this.parts;
    banner.hidden = false;
    if (error instanceof ServerGone) {
      const since = this.readAt ? ` What is shown was read at ${clockText(this.readAt)}.` : "";
      banner.textContent = `${error.message}${since} Trying again.`;
    } else if (error instanceof Refused) {
      const verb = error.status < 500 ? "refused" : "failed";
      banner.textContent = `The server ${verb}: ${error.message}`;
    } else {
      banner.textContent = `This page failed: ${error.message}`;
      console.error(error);
    }
  }

  showRead() {
    this.readAt = new Date();
    this.parts.banner.hidden = true;
  }
}

function clockText(date) {
  return date.toTimeString().slice(0, 8);
}

function ageText(view, { isLive, live }) {
  const newest = formatTime(view.span[1]);
  if (!isLive) return `ends at ${newest}`;
  const quiet = live?.heardAt ? (Date.now() - live.heardAt) * 1e6 : null;
  if (quiet === null) return `newest ${newest}`;
  return `newest ${newest}, ${quiet < 1e9 ? "now" : `${formatDuration(quiet)} ago`}`;
}
