import { aboutOf, derivedKey } from "../messaging/handler.ts";
import { deliveryPolicy } from "../messaging/policy.ts";
import { systemPrincipal } from "../runtime/authorize.ts";
import { observed } from "../runtime/telemetry.ts";
import type { ConsumerSpec } from "./spec.ts";
import { partsOf } from "./events.ts";
import type { DeliveryPorts } from "./ports.ts";
import { recordOf } from "./record-of.ts";
import { knownLater } from "./rollout.ts";

/** The consumer of what entities send to each other: each message is a command with a key that derives from its entry. */
export function sendsConsumer({ runtime, journal }: DeliveryPorts): ConsumerSpec {
  const policy = deliveryPolicy("sends", { concurrency: 64 });
  return {
    name: "sends",
    start: "beginning",
    policy,
    pick: ({ record }) =>
      record.entries.includes('"messages":[') ? partsOf(record, "messages").map((_, i) => i + 1) : [],
    async run({ reference, record, attempt, about }) {
      const found = await recordOf(journal, reference, record);
      const part = found && partsOf(found.record, "messages")[found.n - 1];
      if (!part) return undefined;
      const { entry, place, of } = part;
      const { entity, id, command, input } = of;
      const cause = `${entry.id}-m${place}`;
      const { tenant } = found.stream;
      const context = {
        correlation: entry.correlation ?? entry.id,
        causation: cause,
        ...(entry.trace !== undefined && { trace: entry.trace }),
      };
      const message = { consumer: "sends", id: cause, attempt, tenant, context };
      await observed(runtime.system.telemetry, message, async (context) => {
        aboutOf(cause, context, about);
        const outcome = await knownLater(() =>
          runtime.execute({
            entity,
            id,
            command,
            ...(input !== undefined && { input }),
            key: derivedKey({ id: cause, born: found.record.time }, ["send"]),
            keyOrigin: "derived",
            principal: { ...systemPrincipal, tenant },
            deadline: runtime.system.now() + policy.timeoutMs,
            context,
          }),
        );
        if (outcome.ok || outcome.replayed) return;
        const fields = { ...about, from: found.stream, entity, id, command, code: outcome.code };
        runtime.system.log.info(fields, `${entity}.${command}, which was sent, was rejected: ${outcome.code}`);
      });
      return undefined;
    },
  };
}
