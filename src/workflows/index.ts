export { declareWorkflow as workflow } from "./declare.ts";
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
