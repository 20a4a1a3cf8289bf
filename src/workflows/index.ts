export type { DeclareWorkflow } from "./declare.ts";
export { declareWorkflow as workflow, workflows } from "./declare.ts";
export type {
  Heard,
  RetryOptions,
  Signals,
  StepContext,
  StepOptions,
  Workflow,
  WorkflowContext,
  WorkflowOptions,
  WorkflowRef,
  WorkflowRun,
  WorkflowStatus,
  WorkflowView,
} from "./types.ts";
