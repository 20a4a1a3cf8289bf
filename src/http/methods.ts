import { HoldfastError } from "../core/errors.ts";
import type { Answer } from "./answer.ts";
import type { Exchange } from "./exchange.ts";

export const readMethods: readonly string[] = ["GET", "HEAD", "OPTIONS"];
export const writeMethods: readonly string[] = ["POST", "OPTIONS"];

/** Answers OPTIONS; nothing for the other methods that are allowed. @throws HoldfastError `method-not-allowed` */
export function refuseMethod({ request }: Exchange, allowed: readonly string[]): Answer | undefined {
  const { method } = request;
  if (method !== "OPTIONS" && allowed.includes(method)) return undefined;
  const allow = allowed.join(", ");
  if (method === "OPTIONS") return { status: 204, headers: { Allow: allow }, body: null };
  throw new HoldfastError("method-not-allowed", `Allowed here: ${allow}.`, { details: allow });
}
