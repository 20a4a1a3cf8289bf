import { isHoldfastError } from "../errors.ts";
import { eraseCommand, type PendingTimer } from "../journal/format.ts";
import { aboutOf, derivedKey } from "../messaging/handler.ts";
import { deliveryPolicy } from "../messaging/policy.ts";
import { systemPrincipal } from "../runtime/authorize.ts";
import { observed } from "../runtime/telemetry.ts";
import type { ConsumerSpec } from "./spec.ts";
import { entriesOf } from "./events.ts";
import type { Change, PositionedRecord } from "./port.ts";
import type { DeliveryPorts } from "./ports.ts";
import { knownLater } from "./rollout.ts";

/**
 * The consumer of entities' timers. What waits is only that a timer may be due: whether it is, and what it does, the
 * entity says when it fires. So a timer that is set anew for later or cancelled costs nothing more.
 */
export function timersConsumer({ runtime }: DeliveryPorts): ConsumerSpec {
  const { system } = runtime;
  const policy = deliveryPolicy("timers", { concurrency: 64 });

  async function pending(entity: string, id: string, tenant: string, name: string): Promise<PendingTimer | undefined> {
    try {
      return await knownLater(() => runtime.timer({ entity, id, principal: { ...systemPrincipal, tenant } }, name));
    } catch (error) {
      if (isHoldfastError(error, "erased")) return undefined;
      throw error;
    }
  }

  return {
    name: "timers",
    start: "beginning",
    policy,
    absorb: (positioned) => changesOf(positioned, system.now()),
    // What it was armed for says nothing: the entity knows when it is due.
    since: ({ failures }) => failures?.since,
    async run({ message, attempt, about }) {
      if (!message?.stream || message.name === undefined) return undefined;
      const { name, stream } = message;
      const { entity, id, tenant } = stream;
      const timer = await pending(entity, id, tenant, name);
      if (!timer) return undefined;
      if (timer.at > system.now()) return { again: { due: timer.at } };
      const { command, input, generation, correlation = generation, trace } = timer;
      const cause = `${generation}-t${name}`;
      const context = { correlation, causation: cause, ...(trace !== undefined && { trace }) };
      const work = { consumer: "timers", id: cause, attempt, tenant, context, later: true };
      await observed(system.telemetry, work, async (context) => {
        aboutOf(cause, context, about);
        try {
          await knownLater(() =>
            runtime.execute({
              entity,
              id,
              command,
              ...(input !== undefined && { input }),
              // Without a time: however late it fires, that it is pending says that it has not run.
              key: derivedKey({ id: cause, born: undefined }, ["timer"]),
              keyOrigin: "derived",
              principal: { ...systemPrincipal, tenant },
              deadline: system.now() + policy.timeoutMs,
              context,
              timer: { name, generation },
            }),
          );
        } catch (error) {
          if (!isHoldfastError(error, "timer-superseded")) throw error;
        }
      });
      // The command, or another one, may have set it anew.
      const next = await pending(entity, id, tenant, name);
      return next && { again: { due: next.at } };
    },
  };
}

const nothing: readonly never[] = [];

function changesOf({ stream, record }: PositionedRecord, now: number): readonly Change[] {
  const isErased = record.entries.includes(`"${eraseCommand}"`);
  if (!isErased && !record.entries.includes('"timers":[')) return nothing;
  const changes: Change[] = [];
  for (const { command, timers = [] } of entriesOf(record)) {
    if (command === eraseCommand) changes.push({ kind: "disarm", stream });
    for (const { name, at } of timers) {
      if (at === undefined) continue;
      changes.push({ kind: "arm", name, stream, due: at, sequence: record.sequence, now });
    }
  }
  return changes;
}
