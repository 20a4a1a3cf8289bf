import { tickOf } from "../delivery/crons.ts";
import type { DeadLetter, DeadLetterStore } from "../delivery/port.ts";
import { HoldfastError } from "../errors.ts";
import type { Bus, Parcel } from "./bus.ts";
import type { FailureStore } from "./failures.ts";
import { idAttribute } from "./receive.ts";
import { referenceBody, tickMessageBody, timerBody } from "./wire.ts";

/** Dead letters of a target whose broker holds what waits: redriven, they go through their queue once more, at its end. */
export function createDeadLetters(failures: FailureStore, bus: Pick<Bus, "send">): DeadLetterStore {
  return {
    dead: failures.dead,
    drop: (ids) => failures.drop(ids),
    async redrive(ids, now) {
      const letters: DeadLetter[] = [];
      for (const id of new Set(ids)) {
        const [letter] = await failures.dead({ after: id - 1, limit: 1 });
        if (letter?.id === id) letters.push(letter);
      }
      // Their numbers have no order, but what they are about has.
      letters.sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0) || (a.n ?? 0) - (b.n ?? 0));
      for (const letter of letters) {
        const [queue, parcel] = parcelOf(letter, now);
        const [error] = await bus.send(queue, [parcel]);
        if (error) throw error;
        // Sent first: where this dies in between it is there twice, and has its effects once. It may be dead again by now.
        await failures.drop([letter.id], letter.created);
      }
      return letters.length;
    },
  };
}

function parcelOf(letter: DeadLetter, now: number): readonly [queue: string, parcel: Parcel] {
  const { consumer, stream, sequence, n, name = "", again } = letter;
  // A new one: a broker may remember what it was sent in the last minutes.
  const id = `${letter.id}-${now}`;
  if (consumer === "relay") {
    throw new HoldfastError("not-redrivable", "A record that could not be relayed is relayed with: holdfast relay.");
  }
  if (stream && sequence !== undefined && n !== undefined) {
    return [consumer, { id, stream, body: referenceBody({ stream, sequence, n, again }) }];
  }
  if (stream) return [consumer, { id, body: timerBody({ stream, name }) }];
  const { body = "", attributes } = letter;
  if (consumer.startsWith("timer:")) {
    return ["timers", { id, body: tickMessageBody(consumer.slice("timer:".length), tickOf(body)) }];
  }
  const others = attributes === undefined ? {} : (JSON.parse(attributes) as { readonly [name: string]: string });
  return [consumer, { id, body, attributes: { ...others, [idAttribute]: name } }];
}
