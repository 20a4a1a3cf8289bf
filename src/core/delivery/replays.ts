import { isHoldfastError } from "../errors.ts";
import type { SubscriptionDefinition } from "../messaging/definition.ts";
import type { ConsumerSpec } from "./spec.ts";
import type { Replay } from "./port.ts";
import type { DeliveryPorts } from "./ports.ts";
import { subscriptionConsumer, subscriptionName } from "./subscriptions.ts";

/**
 * The consumer of a replay: the subscription's handler for events that it may have handled before. Under the same keys,
 * so that what had its effect has none; what is older than keys are remembered is counted, not handled. With `again`
 * the keys are new.
 */
export function replayConsumer(ports: DeliveryPorts, definition: SubscriptionDefinition, replay: Replay): ConsumerSpec {
  const { id, since = 0, entity, again, through } = replay;
  const { system, limits } = ports.runtime;
  const spec = subscriptionConsumer(ports, definition);
  const oldest = (): number => (again ? 0 : system.now() - limits.keys.derivedMs);
  return {
    ...spec,
    name: `replay:${id}`,
    start: "beginning",
    end: { position: through, changes: () => [{ kind: "replayed", id, finished: system.now() }] },
    deadLetters: { consumer: subscriptionName(definition.name), again: again ? id : undefined },
    pick: (positioned) => {
      const { stream, record } = positioned;
      if (record.time < since || (entity !== undefined && stream.entity !== entity)) return [];
      return spec.pick?.(positioned) ?? [];
    },
    async run(work) {
      const skipped = { changes: [{ kind: "replayed", id, skipped: 1 }] } as const;
      if (work.record && work.record.time < oldest()) return skipped;
      try {
        await spec.run({ ...work, again: again ? id : undefined });
      } catch (error) {
        // The target has forgotten sooner: by the number of its keys.
        if (isHoldfastError(error, "idempotency-key-expired")) return skipped;
        throw error;
      }
      return { changes: [{ kind: "replayed", id, handled: 1 }] };
    },
  };
}
