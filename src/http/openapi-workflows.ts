const status = (...values: readonly string[]): object => ({ type: "string", enum: values });

const failure = {
  type: "object",
  required: ["code", "message"],
  properties: { code: { type: "string" }, message: { type: "string" } },
};

const output = { description: "What it has returned; absent where that is nothing." };

/** What all workflows share in the OpenAPI document: as `WorkflowView` of holdfast/workflows. */
export const workflowSchemas: { readonly [name: string]: object } = {
  WorkflowView: {
    type: "object",
    required: ["status", "version", "run", "waiting", "facts"],
    properties: {
      status: {
        description: "`none`: it was never started. `stopped`: its code has to be mended; `retry` has it go on.",
        ...status("none", "running", "completed", "failed", "cancelled", "stopped"),
      },
      version: { description: "Of its code.", type: "integer", minimum: 0 },
      run: { description: "How often it has begun anew, from 1; 0: never started.", type: "integer", minimum: 0 },
      output,
      failure,
      waiting: {
        description: "What it waits for.",
        type: "array",
        items: {
          type: "object",
          required: ["n", "kind", "name"],
          properties: {
            n: { type: "integer", minimum: 1 },
            kind: status("run", "call", "sleep", "until", "child"),
            name: { type: "string" },
            due: { description: "Epoch milliseconds.", type: "integer" },
          },
        },
      },
      facts: { description: "Length of the history of this run.", type: "integer", minimum: 0 },
    },
  },
  WorkflowEnd: {
    type: "object",
    required: ["status"],
    properties: { status: status("completed", "failed", "cancelled", "stopped"), output, failure },
  },
};
