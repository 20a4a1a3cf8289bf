import { asRefusal, conditions, refusal, type Refusal } from "../conditions.ts";
import type { Message, Outcome, ReceiveMode } from "../store/message.ts";
import type { Entity } from "../store/namespace.ts";
import type { Queue } from "../store/queue.ts";
import type { SessionLock, Sessions } from "../store/sessions.ts";
import { amqpError, type Broker, type Peer } from "./broker.ts";
import { encodeMessage } from "./content.ts";
import { repliesOf } from "./replies.ts";
import {
  answerAttach,
  type Delivery,
  drained,
  forget,
  type Modified,
  type Rejected,
  sendable,
  type Sender,
  types,
} from "./rhea.ts";
import { deliveryTag, ticks } from "./tokens.ts";

const sessionFilter = "com.microsoft:session-filter";
const waitMsDefault = 60_000;

/** What a link to a client wants to hear of its end. */
export interface SenderLink {
  /** Its connection or session is gone. */
  ended(): void;
  /** The client has detached it. */
  detached(): void;
}

/** Hands a client the messages of a queue, or of one of its sessions, on this link, whose attach is held. */
export function serveReceiver(broker: Broker, peer: Peer, link: Sender): SenderLink {
  const { operations } = broker;
  const address = link.source?.address ?? "";
  const mode: ReceiveMode = link.snd_settle_mode === 1 ? "delete" : "lock";
  const handed = new WeakMap<Delivery, { readonly token: string; readonly messageId: string }>();
  const cleanups: (() => void)[] = [];
  let over = false;
  let answered = false;

  function answer(): void {
    answered = true;
    link.open();
  }

  function refuse(error: Refusal): void {
    if (over) return;
    answer();
    link.close(amqpError(error));
  }

  function queueOf(entity: Entity, withSession: boolean): Queue {
    const { queue } = entity;
    if (!queue) throw refusal(conditions.notAllowed, `'${entity.path}' is a topic: receive from a subscription.`);
    if (withSession === (queue.sessions !== undefined)) return queue;
    throw refusal(
      conditions.notAllowed,
      withSession
        ? `The entity '${entity.path}' has no sessions: receive without one.`
        : `The entity '${entity.path}' requires sessions: accept a session to receive from it.`,
    );
  }

  function start(queue: Queue, session: SessionLock | undefined): void {
    const lane = session?.lane ?? queue.lane;
    cleanups.push(
      lane.watch(() => {
        if (over || sendable(link) <= 0) return false;
        const message = queue.take(mode, session);
        if (message) hand(message);
        return message !== undefined;
      }),
    );
    if (session) {
      peer.accepted.set(link.name, session);
      cleanups.push(() => void peer.accepted.delete(link.name), session.release);
      session.onLost(() => {
        if (over) return;
        const description = `The session lock on '${session.id}' has expired. Accept the session again.`;
        link.close({ condition: conditions.sessionLockLost, description });
        end();
      });
      link.set_source({ address, filter: { [sessionFilter]: session.id } });
      answerAttach(link, { properties: { "com.microsoft:locked-until-utc": types.wrap_long(ticks(session.untilMs)) } });
    } else link.set_source({ address });
    answerAttach(link, { snd_settle_mode: mode === "delete" ? 1 : 0, rcv_settle_mode: link.rcv_settle_mode });

    link.on("sendable", lane.wake);
    link.on("sender_draining", () => {
      lane.wake();
      drained(link);
    });
    for (const event of ["accepted", "modified", "rejected", "released"]) {
      link.on(event, ({ delivery }: { readonly delivery?: Delivery }) => {
        if (delivery && mode === "lock") settle(queue, session, delivery, outcomeOf(event, delivery));
      });
    }
    answer();
  }

  function hand(message: Message): void {
    operations.count("receive");
    const token = message.lock?.token ?? broker.newId();
    const delivery = link.send(encodeMessage(message), deliveryTag(token), 0);
    handed.set(delivery, { token, messageId: message.content.messageId });
  }

  function settle(queue: Queue, session: SessionLock | undefined, delivery: Delivery, outcome: Outcome): void {
    const known = handed.get(delivery);
    if (!known) return;
    const { token, messageId } = known;
    // Read before `reply` changes it: then the client wants no answer.
    const settledByClient = delivery.remote_settled;
    const reply = repliesOf(link.session);
    operations.perform(
      { kind: "settle", entity: queue.path, messageIds: [messageId] },
      {
        work: () => queue.settle(token, outcome, session),
        answer: () => (settledByClient ? forget(delivery) : reply(delivery)),
        refuse: (error) => (settledByClient ? forget(delivery) : reply(delivery, amqpError(error))),
        cut: peer.cut,
      },
    );
  }

  function acceptNext(queue: Queue, sessions: Sessions): void {
    const wanted: unknown = link.properties?.["com.microsoft:timeout"];
    const waitMs = typeof wanted === "number" ? wanted : waitMsDefault;
    const callOff = broker.clock.after(waitMs, () => {
      giveUp();
      refuse(refusal(conditions.timeout, `No session of '${queue.path}' had messages within ${waitMs} ms.`));
    });
    const giveUp = sessions.acceptNext((session) => {
      callOff();
      start(queue, session);
    });
    cleanups.push(giveUp, callOff);
  }

  function end(): void {
    over = true;
    for (const cleanup of cleanups.splice(0)) cleanup();
  }

  const filter: Readonly<Record<string, unknown>> = link.source?.filter ?? {};
  const withSession = sessionFilter in filter;
  const sessionId = plainText(filter[sessionFilter]);
  try {
    const entity = broker.namespace.find(address);
    const queue = queueOf(entity, withSession);
    operations.perform(
      { kind: withSession ? "accept-session" : "attach", entity: entity.path, messageIds: [] },
      {
        work: () => (over || sessionId === undefined ? undefined : queue.sessions?.accept(sessionId)),
        answer(session) {
          if (over) session?.release();
          else if (queue.sessions && !session) acceptNext(queue, queue.sessions);
          else start(queue, session);
        },
        refuse,
        cut: peer.cut,
      },
    );
  } catch (error) {
    refuse(asRefusal(error));
  }
  return {
    ended: end,
    detached() {
      end();
      if (answered) return;
      // Who gives up waiting for the answer to an attach wants to see it, and the end of the link.
      answer();
      link.close();
    },
  };
}

/** Other clients than the JavaScript one describe the filter's value with a type. */
function plainText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null && "value" in value ? plainText(value.value) : undefined;
}

/** What rhea decodes for each of its events. */
function outcomeOf(event: string, { remote_state: state }: Delivery): Outcome {
  if (event === "accepted") return { kind: "complete" };
  if (event === "released") return { kind: "abandon" };
  if (event === "modified") {
    const { undeliverable_here: defer, message_annotations: properties } = state as Modified;
    return { kind: defer ? "defer" : "abandon", ...(properties && { properties }) };
  }
  const {
    DeadLetterReason: reason,
    DeadLetterErrorDescription: description,
    ...properties
  } = (state as Rejected).error?.info ?? {};
  return {
    kind: "dead-letter",
    ...(typeof reason === "string" && { reason }),
    ...(typeof description === "string" && { description }),
    properties,
  };
}
