import { asRefusal, conditions, refusal, type Refusal } from "../conditions.ts";
import type { OperationKind } from "../operations.ts";
import type { Entity } from "../store/namespace.ts";
import type { Queue } from "../store/queue.ts";
import type { Broker, Peer } from "./broker.ts";
import { messageOperations } from "./management-messages.ts";
import { ruleOperations } from "./management-rules.ts";
import { sessionOperations } from "./management-sessions.ts";
import { settlementOperations } from "./management-settlements.ts";
import { repliesOf } from "./replies.ts";
import { type AmqpMessage, type Arrival, type Receiver, sendMessage } from "./rhea.ts";

/** One request to an entity's `$management`. */
export interface Request {
  readonly broker: Broker;
  readonly peer: Peer;
  readonly entity: Entity;
  readonly body: Readonly<Record<string, unknown>>;
  /** The link on which the client receives, where the request says so. */
  readonly linkName: string | undefined;
}

/** Answers the body of the response; undefined stands for "nothing found" (204). */
export interface ManagementOperation {
  readonly kind: OperationKind;
  run(request: Request): Readonly<Record<string, unknown>> | undefined;
}

const operations: Readonly<Record<string, ManagementOperation>> = {
  ...messageOperations,
  ...ruleOperations,
  ...sessionOperations,
  ...settlementOperations,
};

const statuses: Readonly<Record<string, number>> = {
  [conditions.alreadyExists]: 409,
  [conditions.argument]: 400,
  [conditions.internal]: 500,
  [conditions.lockLost]: 410,
  [conditions.messageNotFound]: 404,
  [conditions.notAllowed]: 400,
  [conditions.notFound]: 404,
  [conditions.notImplemented]: 501,
  [conditions.sessionCannotBeLocked]: 410,
  [conditions.sessionLockLost]: 410,
  [conditions.timeout]: 408,
};

export function queueOf({ path, queue }: Entity): Queue {
  if (queue) return queue;
  throw refusal(conditions.notAllowed, `'${path}' is a topic: it holds no messages to receive.`);
}

function respondTo(peer: Peer, request: AmqpMessage, response: AmqpMessage): void {
  const link = peer.responders.get(String(request.reply_to));
  // Or who asked has gone.
  if (link) sendMessage(link, { ...response, correlation_id: request.message_id });
}

/** Answers requests that arrive on this link, whose address is `<entity>/$management`. */
export function serveManagement(broker: Broker, peer: Peer, link: Receiver, address: string): void {
  function respond(message: AmqpMessage, properties: Readonly<Record<string, unknown>>, body: unknown): void {
    respondTo(peer, message, { application_properties: properties, body });
  }

  function refuse(message: AmqpMessage, { condition, message: description }: Refusal): void {
    const statusCode = statuses[condition] ?? 500;
    respond(message, { statusCode, statusDescription: description, errorCondition: condition }, undefined);
  }

  function serve(message: AmqpMessage): void {
    const { operation: name, "associated-link-name": linkName } = message.application_properties ?? {};
    const operation = operations[String(name)];
    if (!operation) {
      throw refusal(conditions.notImplemented, `The management operation '${String(name)}' is not known.`);
    }
    const entity = broker.namespace.find(address);
    const body = typeof message.body === "object" && message.body !== null ? { ...message.body } : {};
    broker.operations.perform(
      { kind: operation.kind, entity: entity.path, messageIds: [] },
      {
        work: () =>
          operation.run({ broker, peer, entity, body, linkName: typeof linkName === "string" ? linkName : undefined }),
        answer: (result) =>
          respond(message, { statusCode: result ? 200 : 204, statusDescription: result ? "OK" : "No content" }, result),
        refuse: (error) => refuse(message, error),
        cut: peer.cut,
      },
    );
  }

  link.on("message", ({ message, delivery }: Arrival) => {
    if (!message || !delivery || Buffer.isBuffer(message)) return;
    repliesOf(delivery.link.session)(delivery);
    try {
      serve(message);
    } catch (error) {
      refuse(message, asRefusal(error));
    }
  });
}

/** Takes every token: who connects to loopback may do everything. */
export function serveClaims(peer: Peer, link: Receiver): void {
  link.on("message", ({ message, delivery }: Arrival) => {
    if (!message || !delivery || Buffer.isBuffer(message)) return;
    repliesOf(delivery.link.session)(delivery);
    respondTo(peer, message, { application_properties: { "status-code": 202, "status-description": "Accepted" } });
  });
}
