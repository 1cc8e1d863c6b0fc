/** What the server answers: made by scripts/rest_types.py from its OpenAPI. */

export interface BackingPoint {
  t: number;
  private: number;
  shared: number;
  unknown: number;
  hva_only: number;
  gmem_only: number;
  mixed: number;
  private_half: Bounds;
  stale_private: Bounds;
  stale_shared: Bounds;
}

export interface BackingView {
  vm: number;
  points: BackingPoint[];
  stale_private: StaleRun[];
  stale_private_runs: number | null;
  punched_pages: number | null;
  frees_are_seen: boolean;
  at_least: string[];
}

export interface BandOut {
  gpa_from: string;
  gpa_to: string;
  row_from: number;
  row_to: number;
}

export interface Baseline {
  kind: string;
  baseline_per_second: number;
  threshold_per_second: number;
  rule: BurstRule;
  is_recorded: boolean;
}

export interface BeforeView {
  from: number;
  to: number;
  requested: number;
  per_second: number | null;
  differences: DifferenceRow[];
}

export interface Boot {
  from: number;
  to: number;
  conversions: number;
  failed: number;
  page_faults: number | null;
  peak_per_second: number;
  pages_changed: number | null;
  at_least: string[];
}

export interface Bounds {
  lower: number;
  upper: number;
}

export interface Breakdown {
  dimension: string;
  rows: BreakdownRow[];
  values: number;
}

export interface BreakdownRow {
  value: string;
  calls: number;
  applied: number;
  failed: number;
  effective_pages: number | null;
  latency_ns: number | null;
  at_least: string[];
  share: number;
  filter: string | null;
}

export interface BreakerView {
  seq: number;
  t: number;
  gpa: string | null;
  size: number | null;
  tid: number;
  times: number;
  blocks: number;
}

export interface BurstRule {
  min_calls: number;
  boot_min_calls: number;
  min_rate: number;
  certain_rate: number;
  over_baseline?: number;
  join_gap_ns?: number;
  calm_ns?: number;
}

export interface CallsView {
  requested: number;
  applied: number;
  failed: number;
  unconfirmed: number;
  noop: number | null;
  per_second: number;
  unplaced: number;
  uncertain: number;
  at_least: string[];
}

export interface CellView {
  from: number;
  to: number;
  gpa_from: string;
  gpa_to: string;
  npages: number;
  present: number;
  private: number;
  shared: number;
  unknown: number;
  unplaced: number;
  conversions: number | null;
  failed: number | null;
  page_faults: number | null;
  private_faults: number | null;
  returns: number | null;
  mixed: number | null;
  at_least: string[];
}

export interface ChapterView {
  from: number;
  to: number | null;
  clock_start_ns: string;
  wall_start_ns: string | null;
  boot_id: string | null;
  kernel_release: string | null;
  source: string;
  ended: string | null;
}

export interface ConversionCounts {
  requested: number;
  applied: number;
  failed: number;
  unconfirmed: number;
  to_unknown: number | null;
  uncertain: number | null;
  effective_pages: number | null;
  at_least: string[];
}

export interface CoverageView {
  recording: number;
  source: string;
  is_live: boolean;
  silent_ms: number | null;
  behind_ms: number | null;
  kernel_release: string | null;
  sees: Record<string, boolean> | null;
  conversion_ranges: string | null;
  missing: Record<string, string>[] | null;
  notes: string[];
  events: Record<string, number> | null;
  unused_events: Record<string, number> | null;
  host: Record<string, unknown> | null;
  collector: Record<string, unknown> | null;
  lost_events: number;
  losses: LossSum[];
}

export interface Diff {
  a: Moment;
  b: Moment;
  same_pages: number | null;
  transitions: Transition[];
  runs: DifferingRun[];
  runs_in_all: number;
}

export interface DifferenceRow {
  dimension: string;
  value: string;
  calls_during: number;
  calls_before: number;
  share_during: number;
  share_before: number | null;
  filter: string | null;
}

export interface DifferingRun {
  gfn: number;
  npages: number;
  gpa: string;
  before: string;
  after: string;
}

export interface Event {
  seq: number;
  t: number;
  t_effect: number;
  clock_ns: string;
  kind: string;
  gfn: number | null;
  npages: number | null;
  gpa: string | null;
  size: number | null;
  to: string | null;
  outcome: string;
  errno: number;
  errno_name: string | null;
  cause: string | null;
  cause_certainty: string;
  range_certainty: string;
  tid: number;
  vcpu: number | null;
  latency_ns: number | null;
  effective_pages: number | null;
  aux: string;
}

export interface ExpiredView {
  from: number;
  to: number;
  count: number;
  cell_ns: number | null;
}

export interface FailureExample {
  t: number;
  gpa: string | null;
  size: number | null;
  tid: number;
  why: string;
  where: string;
}

export interface FailureReason {
  why: string;
  where: string;
  calls: number;
  first_t: number;
  last_t: number;
}

export interface FailureView {
  errno: number;
  name: string;
  calls: number;
  reasons: FailureReason[];
  examples: FailureExample[];
}

export interface FlipThread {
  tid: number;
  vcpu: number | null;
  flips: number;
}

export interface HugePagesView {
  broken: number | null;
  healed: number | null;
  mixed_before: number | null;
  mixed_after: number | null;
  breakers: BreakerView[];
  at_least: string[];
}

export interface ImportView {
  id: number;
  name: string;
  state: string;
  place: number | null;
  file_bytes: number;
  received_bytes: number;
  bytes_read: number | null;
  calls: number;
  problem: string | null;
  summary: Record<string, unknown> | null;
}

export interface IntervalView {
  vm: number;
  from: number;
  to: number;
  calls: CallsView;
  pages: PagesView;
  latency: LatencyView;
  by: Breakdown[];
  failures: FailureView[];
  ping_pong: PingPongView[];
  ping_pong_runs: number | null;
  huge_pages: HugePagesView;
  events: Record<string, number>;
  faults_per_second: number;
  punched_pages: number | null;
  memslots: MemslotView[];
  touched: TouchedSlot[];
  outside_memslots: number | null;
  losses: LossView[];
  state_before: TotalsView;
  state_after: TotalsView;
  before: BeforeView;
  not_recorded: string[];
  at_least: string[];
}

export interface LatencyBucket {
  below_ns: number;
  calls: number;
}

export interface LatencyView {
  calls: number;
  p50_ns: number | null;
  p95_ns: number | null;
  p99_ns: number | null;
  max_ns: number | null;
  total_ns: number | null;
  share_of_threads: number | null;
  buckets: LatencyBucket[];
  at_least: string[];
}

export interface LossSum {
  source: string;
  cpu: number | null;
  stretches: number;
  events: number;
  uncounted: number;
  from: number;
  to: number;
}

export interface LossView {
  from: number;
  to: number;
  count: number | null;
  cpu: number | null;
  source: string;
}

export type Measure = "private" | "conversions" | "page_faults" | "ping_pong" | "mixed";

export interface MemslotView {
  slot: number | null;
  as_id: number;
  base_gfn: number;
  npages: number;
  gpa: string;
  size: number;
  flags: number | null;
  backing: string;
  backing_certainty: string;
  can_be_private: boolean;
  userspace_addr: string | null;
  guest_memfd: number | null;
  guest_memfd_offset: number | null;
  from: number;
  to: number | null;
}

export interface Moment {
  vm: number;
  vm_name: string;
  recording: number;
  at: number;
  event: number | null;
  totals: TotalsView;
  mixed_2m: number | null;
  layout_is_known: boolean;
  at_least: string[];
}

export interface NoteView {
  id: number;
  from: number;
  to: number | null;
  gpa_from: string | null;
  gpa_to: string | null;
  text: string;
  author: string | null;
  written_ns: string;
  changed_ns: string | null;
  revision: number;
}

export type Order = "asc" | "desc";

export interface PageHistory {
  vm: number;
  gfn: number;
  gpa: string;
  npages: number;
  steps: Step[];
  next: number | null;
  flips: number | null;
  at_least: string[];
}

export interface Page_Event_ {
  items: Event[];
  next: string | null;
  limit: number;
}

export interface Page_LossView_ {
  items: LossView[];
  next: string | null;
  limit: number;
}

export interface Page_MemslotView_ {
  items: MemslotView[];
  next: string | null;
  limit: number;
}

export interface Page_NoteView_ {
  items: NoteView[];
  next: string | null;
  limit: number;
}

export interface Page_RecordingView_ {
  items: RecordingView[];
  next: string | null;
  limit: number;
}

export interface Page_VmView_ {
  items: VmView[];
  next: string | null;
  limit: number;
}

export interface PagesView {
  asked: number | null;
  asked_to_private: number | null;
  asked_to_shared: number | null;
  changed: number | null;
  to_private: number | null;
  to_shared: number | null;
  net_private: number | null;
  net_shared: number | null;
  net_private_bounds: Bounds | null;
  net_unknown: number | null;
  at_least: string[];
}

export interface ParameterProblem {
  parameter: string;
  detail: string;
}

export interface PingPongView {
  gfn: number;
  npages: number;
  gpa: string;
  flips: number;
  first_t: number;
  last_t: number;
  period_ns: number;
  threads: FlipThread[];
}

export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors?: ParameterProblem[] | null;
}

export interface RasterOut {
  from: number;
  to: number;
  width: number;
  height: number;
  cell_ns: number;
  cell_bytes: number;
  bands: BandOut[];
  measure: Measure;
  max: number | null;
  unplaced: number | null;
  unavailable: string | null;
  image: string | null;
  tag: string;
}

export interface RecordingView {
  id: number;
  uuid: string;
  name: string;
  host: string;
  host_id: number;
  source: string;
  state: string;
  incomplete_reason: string | null;
  is_damaged: boolean;
  is_live: boolean;
  silent_ms: number | null;
  behind_ms: number | null;
  clock: string;
  clock_start_ns: string;
  wall_start_ns: string | null;
  kernel_release: string | null;
  origin: string | null;
  last_t: number;
  lost_events: number;
  losses: number;
  vms: number[];
  chapters: ChapterView[];
  coverage: Record<string, unknown>;
}

export interface Run {
  gfn: number;
  npages: number;
  gpa: string;
  state: string;
}

export interface StaleRun {
  gfn: number;
  npages: number;
  gpa: string;
  since_t: number | null;
  seq: number | null;
  tid: number | null;
}

export interface State {
  vm: number;
  at: number;
  runs: Run[];
  outside_memslots: Run[];
  totals: TotalsView;
  truncated: boolean;
  limit: number;
  next: string | null;
}

export interface Step {
  t: number;
  seq: number | null;
  what: string;
  outcome: string | null;
  errno: string | null;
  gpa: string | null;
  npages: number | null;
  tid: number | null;
  vcpu: number | null;
  cause: string | null;
  cause_certainty: string | null;
  state: string;
  pages: Totals;
  changed: boolean;
  changed_pages: number;
}

export interface StorageView {
  recording: number;
  is_written: boolean;
  segments: number;
  segment_bytes: number;
  rows: number;
  vms: number;
  events: number;
  notes: number;
  ended_ns: string | null;
  age_s: number | null;
}

export interface StormList {
  vm: number;
  storms: StormRow[];
  measured: Baseline[];
  boot_end_t: number | null;
  boot: Boot | null;
  has_times?: boolean;
  found_before_t?: number | null;
}

export interface StormRow {
  id: string;
  kind: string;
  from: number;
  to: number;
  in_boot: boolean;
  calls: number;
  failed: number;
  per_second: number;
  peak_per_second: number;
  pages_changed: number | null;
  at_least: string[];
  is_kept?: boolean;
}

export interface StormView {
  storm: StormRow;
  facts: IntervalView;
}

export type Theme = "light" | "dark";

export interface TimelineView {
  edges: number[];
  to_private: (number | null)[];
  to_shared: (number | null)[];
  to_unknown: (number | null)[];
  failed: (number | null)[];
  unconfirmed: (number | null)[];
  noop: (number | null)[];
  uncertain: (number | null)[];
  doubts: (number | null)[];
  unplaced: (number | null)[];
  hypercalls: (number | null)[];
  memory_faults: (number | null)[];
  page_faults: (number | null)[];
  private_faults: (number | null)[];
  pages_to_private: (number | null)[];
  pages_to_shared: (number | null)[];
  private: (number | null)[];
  shared: (number | null)[];
  unknown: (number | null)[];
  mixed_2m: (number | null)[];
  losses: LossView[];
  expired: ExpiredView[];
}

export interface Totals {
  private: number;
  shared: number;
  unknown: number;
}

export interface TotalsView {
  private: number | null;
  shared: number | null;
  unknown: number | null;
  at_least: string[];
}

export interface TouchedSlot {
  memslot: MemslotView;
  calls: number;
  failed: number;
  effective_pages: number | null;
  latency_ns: number | null;
  at_least: string[];
}

export interface Transition {
  before: string;
  after: string;
  pages: number;
}

export interface VmView {
  id: number;
  uuid: string;
  name: string;
  recording: number;
  pid: number | null;
  process_start_ns: number | null;
  guest_uuid: string | null;
  vm_fd: number | null;
  vm_type: number | null;
  created_t: number | null;
  created_certainty: string;
  ended_t: number | null;
  ended_is_inferred: boolean;
  is_unattributed: boolean;
  may_be_several: boolean;
  start_state: string;
  span: [number, number];
  totals: TotalsView;
  mixed_2m: number | null;
  conversions: ConversionCounts;
  events: Record<string, number>;
  lost_events: number;
  layout_is_known: boolean;
  at_least: string[];
}

export interface Changed {
  vm: number | null;
  recording: number;
  up_to: number;
  revision: number;
  notes_revision: number;
}

export interface StormChanged {
  vm: number;
  recording: number;
  storm: string;
  kind: string;
  from: number;
  to: number;
  state: "running" | "over" | "gone";
}

/** The JSON answer to a GET, by the resource. */
export interface Answers {
  "/api/v1/recordings": Page_RecordingView_;
  "/api/v1/recordings/{recording_id}": RecordingView;
  "/api/v1/recordings/{recording_id}/storage": StorageView;
  "/api/v1/recordings/{recording_id}/coverage": CoverageView;
  "/api/v1/recordings/{recording_id}/losses": Page_LossView_;
  "/api/v1/vms": Page_VmView_;
  "/api/v1/vms/{vm_id}": VmView;
  "/api/v1/vms/{vm_id}/memslots": Page_MemslotView_;
  "/api/v1/vms/{vm_id}/state": State;
  "/api/v1/vms/{vm_id}/raster": RasterOut;
  "/api/v1/vms/{vm_id}/raster/cell": CellView;
  "/api/v1/vms/{vm_id}/timeline": TimelineView;
  "/api/v1/vms/{vm_id}/events": Page_Event_;
  "/api/v1/vms/{vm_id}/storms": StormList;
  "/api/v1/vms/{vm_id}/storms/{storm_id}": StormView;
  "/api/v1/vms/{vm_id}/stretch": IntervalView;
  "/api/v1/vms/{vm_id}/backing": BackingView;
  "/api/v1/diff": Diff;
  "/api/v1/vms/{vm_id}/pages/{gpa}/history": PageHistory;
  "/api/v1/vms/{vm_id}/notes": Page_NoteView_;
  "/api/v1/vms/{vm_id}/notes/{note_id}": NoteView;
  "/api/v1/imports": ImportView[];
  "/api/v1/imports/{import_id}": ImportView;
  "/healthz": Record<string, string>;
  "/readyz": Record<string, string>;
}
