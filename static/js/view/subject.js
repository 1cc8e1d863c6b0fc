/** The VM that the page is about: counts, its recording, every memslot that there was. */

import { VmResource, readRecording } from "../shared/resources.js";

/**
 * @typedef {import("./view.js").Memslot} Memslot
 * @typedef {import("../shared/rest_types.d.ts").VmView} Vm
 * @typedef {import("../shared/rest_types.d.ts").RecordingView} Recording
 * @typedef {{vm: Vm, recording: Recording, memslots: Memslot[], storedAt: number}} Known
 */

export class Subject {
  /**
   * When the recording's writer stored something last (Date.now()), while it is alive.
   */
  storedAt = -Infinity;

  /**
   * @param {VmResource} resource
   * @param {Known} known
   */
  constructor(resource, known) {
    this.resource = resource;
    this.vm = known.vm;
    this.recording = known.recording;
    this.memslots = known.memslots;
    this.storedAt = known.storedAt;
  }

  /**
   * @param {number} vmId
   * @param {number} recordingId
   */
  static async of(vmId, recordingId) {
    const resource = new VmResource(vmId);
    return new Subject(resource, await ask(resource, recordingId));
  }

  get isLive() {
    return this.recording.is_live && this.vm.ended_t === null;
  }

  /** Whether there may be news of it: a live recording that has ended may be gone on with. */
  get mayGoOn() {
    return (
      (this.recording.is_live || this.recording.chapters.length > 0) && this.vm.ended_t === null
    );
  }

  /** @param {AbortSignal} [signal] */
  ask(signal) {
    return ask(this.resource, this.recording.id, signal);
  }

  /** @param {Known} known */
  update({ vm, recording, memslots, storedAt }) {
    this.vm = vm;
    this.recording = recording;
    this.memslots = memslots;
    // What has come since these were asked for is younger.
    this.storedAt = Math.max(this.storedAt, storedAt);
  }
}

/**
 * @param {VmResource} resource
 * @param {number} recordingId
 * @param {AbortSignal} [signal]
 * @returns {Promise<Known>}
 */
async function ask(resource, recordingId, signal) {
  const [vm, recording, memslots] = await Promise.all([
    resource.read(signal),
    readRecording(recordingId, signal),
    resource.all("memslots", signal),
  ]);
  const { silent_ms } = recording;
  return {
    vm,
    recording,
    memslots,
    storedAt: silent_ms === null ? -Infinity : Date.now() - silent_ms,
  };
}
