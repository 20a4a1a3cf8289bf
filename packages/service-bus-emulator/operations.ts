import type { Clock } from "./clock.ts";
import { asRefusal, conditions, refusal, type Refusal } from "./conditions.ts";

/** What clients ask of the broker. */
export type OperationKind =
  | "attach"
  | "accept-session"
  | "cancel-scheduled"
  | "peek"
  | "receive-deferred"
  | "renew-lock"
  | "renew-session-lock"
  | "rules"
  | "schedule"
  | "send"
  | "session-state"
  | "settle";

/** `receive`: messages handed out; `batch`: sends that were batches; `message`: messages sent; `filter`: rules looked at for a message. */
export type Counted = OperationKind | "batch" | "filter" | "message" | "receive";

export interface Operation {
  readonly kind: OperationKind;
  /** The path of its entity, as configured: `orders`, `events/Subscriptions/mail`. */
  readonly entity: string;
  /** The messages concerned, where their ids are known. */
  readonly messageIds: readonly string[];
}

/**
 * What goes wrong. "drop-reply": done, and nobody is told. `refuse`: not done; the client is told this AMQP condition.
 * `close`: the connection is cut, before or after it is done. `delayMs`: done after that time, by the broker's clock.
 */
export type Fault =
  | "drop-reply"
  | { readonly refuse: string; readonly description?: string }
  | { readonly close: "before" | "after" }
  | { readonly delayMs: number };

/** Asked before each operation. */
export type Faults = (operation: Operation) => Fault | undefined;

export interface Operations {
  count(kind: Counted, by?: number): void;
  counts(): Readonly<Partial<Record<Counted, number>>>;
  reset(): void;
  /** Does the work, or what the fault for it wants; then answers or refuses. */
  perform<T>(operation: Operation, steps: Steps<T>): void;
}

export interface Steps<T> {
  work(): T;
  answer(result: T): void;
  refuse(error: Refusal): void;
  cut(): void;
}

export function createOperations(clock: Clock, faults: Faults = () => undefined): Operations {
  const counted = new Map<Counted, number>();

  function count(kind: Counted, by = 1): void {
    counted.set(kind, (counted.get(kind) ?? 0) + by);
  }

  /** What the hook throws is told to the client: thrown on, it would only end the connection. */
  function ask(operation: Operation): Fault | undefined {
    try {
      return faults(operation);
    } catch (error) {
      return { refuse: conditions.internal, description: `The hook for faults threw: ${String(error)}` };
    }
  }

  function run<T>({ work, answer, refuse }: Steps<T>): void {
    try {
      answer(work());
    } catch (error) {
      refuse(asRefusal(error));
    }
  }

  return {
    count,
    counts: () => Object.fromEntries(counted),
    reset: () => counted.clear(),
    perform(operation, steps) {
      count(operation.kind);
      const fault = ask(operation);
      if (fault === undefined) run(steps);
      else if (fault === "drop-reply") run({ ...steps, answer: () => undefined, refuse: () => undefined });
      else if ("refuse" in fault) {
        const { refuse: condition, description = `Refused by a fault: ${operation.kind}.` } = fault;
        steps.refuse(refusal(condition, description));
      } else if ("delayMs" in fault) clock.after(fault.delayMs, () => run(steps));
      else if (fault.close === "before") steps.cut();
      else {
        run({ ...steps, answer: () => undefined, refuse: () => undefined });
        steps.cut();
      }
    },
  };
}
