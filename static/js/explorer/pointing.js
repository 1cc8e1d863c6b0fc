/** What is shown of the place under the pointer, or of the cursor while nothing is pointed at. */

import { pinnedSearch } from "../view/view_url.js";

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("./controls.js").Place} Place
 */

export class Pointing {
  /**
   * @param {import("../view/view.js").Staged} stage
   * @param {object} plots
   * @param {import("../charts/map.js").MapPlot} plots.map
   * @param {import("../charts/timeline.js").Timeline} plots.timeline
   * @param {import("./cursor/inspector.js").Inspector} inspector
   * @param {(error: unknown) => void} failed
   */
  constructor(stage, { map, timeline }, inspector, failed) {
    this.stage = stage;
    this.map = map;
    this.timeline = timeline;
    this.inspector = inspector;
    this.failed = failed;
  }

  /**
   * The pointer is over an instant (and, on the map, an address), or over nothing.
   * @param {Place | null} at
   */
  hover(at) {
    const { stage, map, timeline } = this;
    const t = at?.t ?? null;
    map.overlay.placeHover(stage.axis, t);
    timeline.overlay.placeHover(stage.axis, t);
    timeline.showBucket(t);
    if (at && at.gpa !== null) this.#inspect({ t: at.t, gpa: at.gpa, isKept: false });
    else if (!at) this.inspectCursor();
  }

  inspectCursor() {
    const { axis } = this.stage;
    const { t, gpa, isCursorInView } = axis;
    if (t === null || gpa === null || !isCursorInView) this.inspector.clear();
    else this.#inspect({ t, gpa, isKept: true, search: pinnedSearch(axis) });
  }

  /**
   * What is quick to ask for of a cursor that moves.
   * @param {View} view
   * @param {AbortSignal} signal
   */
  async followCursor({ t, gpa, isCursorInView }, signal) {
    const { parametersShown } = this.map;
    if (t === null || gpa === null || !isCursorInView || !parametersShown) return;
    await this.inspector.follow({ t, gpa }, parametersShown, signal);
  }

  /** @param {import("./cursor/inspector.js").Place} at */
  #inspect(at) {
    if (!this.map.parametersShown) return;
    this.inspector.show(at, this.map.parametersShown, this.failed);
  }
}
