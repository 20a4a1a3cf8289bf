// What `register` puts together behind the platform's worker has no public name; measured through the worker, it would be
// the worker that is measured.
/* oxlint-disable holdfast/import-directions */
export { createHandOut } from "../../src/azure/functions/hand-out.ts";
export { createInstance, type Instance } from "../../src/azure/functions/instance.ts";
