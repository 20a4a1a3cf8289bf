export { diagram } from "./core/diagram.ts";
export { declareMachine as machine } from "./core/machine/declare.ts";
export { machineDiagram } from "./core/machine/diagram.ts";
export type { ReportGuard, ReportRules, Reports } from "./core/machine/reports.ts";
export { reports, reportsOf } from "./core/machine/reports.ts";
export type { App, AppParts, AppSpec, Holdfast } from "./core/app.ts";
export { holdfast } from "./core/app.ts";
export type { Accepted, CodesOf, Decision, NewEvent, Rejection, ReplyOf } from "./core/entity/decision.ts";
export { accept, reject } from "./core/entity/decision.ts";
export type {
  Duration,
  EntryContext,
  GuardContext,
  Machine,
  MachineCodes,
  MachineOptions,
  Passage,
  Standing,
  StateOptions,
  Transition,
} from "./core/machine/types.ts";
export type { MachineState, MachineTable, MachineTransition } from "./core/machine/table.ts";
export type { Manifest } from "./core/manifest.ts";
export { incompatibilities, manifest } from "./core/manifest.ts";
export type { Schema } from "./core/entity/schema.ts";
export type {
  AcceptedResult,
  Action,
  Caller,
  CommandSpec,
  DecideContext,
  Due,
  Entity,
  EntityOptions,
  EntityRef,
  EntitySpec,
  EventData,
  EventMakers,
  EventMeta,
  PrepareContext,
  Principal,
  RejectedResult,
  Result,
  Sender,
  SpecOf,
  VersionedEvent,
} from "./core/entity/types.ts";
export type { Dependency, DependencyOptions } from "./core/dependency/declare.ts";
export { dependency } from "./core/dependency/declare.ts";
export type { Behalf, Reach, Reached, ReachFor } from "./core/dependency/reach.ts";
export type { RetryOptions } from "./core/retry.ts";
export type { HoldfastErrorOptions, Retry } from "./core/errors.ts";
export { HoldfastError, isHoldfastError } from "./core/errors.ts";
export type { JsonValue } from "./core/json.ts";
export { decodeKeyPage, encodeKeyPage } from "./core/journal/format.ts";
export { formatKey } from "./core/journal/keys.ts";
export type * from "./core/journal/port.ts";
export type { Delivery } from "./core/delivery/delivery.ts";
export type { OutgoingMessage } from "./core/delivery/outgoing.ts";
export { createDelivery } from "./core/delivery/delivery.ts";
export type * from "./core/delivery/port.ts";
export type { Envelope } from "./core/messaging/envelope.ts";
export { envelopesOf } from "./core/messaging/envelope.ts";
export type { Filter, Interest, Range, Scalar, Where } from "./core/messaging/filter.ts";
export { matches, on } from "./core/messaging/filter.ts";
export type { DeliveryOptions } from "./core/messaging/policy.ts";
export type {
  DeliveredEvent,
  EventsOf,
  HandlerContext,
  QueueMessage,
  Subscription,
  SubscriptionOptions,
  Timer,
  TimerOptions,
  Worker,
  WorkerOptions,
} from "./core/messaging/types.ts";
export type { HistoryEvent, HistoryPage } from "./core/runtime/history.ts";
export type { Limits } from "./core/runtime/limits.ts";
export { defaultLimits } from "./core/runtime/limits.ts";
export type { CommandRequest, Context, Outcome, ViewRequest } from "./core/runtime/requests.ts";
export type { CallOptions, Runtime, RuntimeOptions, Viewed } from "./core/runtime/runtime.ts";
export { createRuntime, systemPrincipal } from "./core/runtime/runtime.ts";
export type { Logger, System } from "./core/runtime/system.ts";
export type {
  CommandAbout,
  CommandResult,
  CommandSpan,
  MessageAbout,
  ReachOutcome,
  RequestSpan,
  Span,
  Telemetry,
} from "./core/runtime/telemetry.ts";
export { createSystem, silentLogger } from "./core/runtime/system.ts";
