export type { DeclareWorkflow } from "./declare.ts";
export { declareWorkflow as workflow, workflows } from "./declare.ts";
export type { RetryOptions } from "../core/retry.ts";
export type {
  Heard,
  Signals,
  StepContext,
  StepOptions,
  Undoable,
  UndoContext,
  Workflow,
  WorkflowContext,
  WorkflowEnd,
  WorkflowOptions,
  WorkflowRef,
  WorkflowRun,
  WorkflowStatus,
  WorkflowView,
} from "./types.ts";
