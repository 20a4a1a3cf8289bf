export type { Step, StepCallOptions, StepOptions } from "./client.ts";
export type { Fault, FaultKind, Faults } from "./faults.ts";
export { defaultFaults } from "./faults.ts";
export type {
  FinalDeadLetter,
  FinalEntity,
  FinalEvent,
  FinalWorld,
  Unreliable,
  Violation,
  WorldOptions,
} from "./options.ts";
export type { Connection, Ports, Surroundings, Target, Waiting } from "./target.ts";
export { createBrokerTarget, createOutboxTarget } from "./broker/target.ts";
export type { StorePorts, StoreTargetOptions } from "./store-target.ts";
export { createMemoryTarget, createStoreTarget, remotePorts } from "./store-target.ts";
export type { CallOptions as RemoteCallOptions, Remote } from "./calls.ts";
export type { SimulationFailure, SimulationOptions, SimulationReport } from "./simulate.ts";
export { simulate } from "./simulate.ts";
export type { WorldReport } from "./world.ts";
