import fc from "fast-check";
import { expect, test } from "vitest";
import { createFixture, deaf, lost, problem, type Reaction } from "./fixtures.ts";

const total = 30;

/** What happens to one connection. */
interface Fate {
  readonly kind: "refused" | "busy" | "deaf" | "open";
  /** Bytes that arrive, and the sizes of the pieces that they arrive in. */
  readonly bytes: number;
  readonly pieces: readonly number[];
  readonly end: "ends" | "breaks" | "stays";
  /** Events before the wanted one that the server sends again. */
  readonly again: number;
  /** An event that gets lost between server and client. */
  readonly dropped: number;
}

const fate: fc.Arbitrary<Fate> = fc.record({
  kind: fc.constantFrom("refused", "busy", "deaf", "open", "open", "open", "open"),
  bytes: fc.nat(4_000),
  pieces: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 4 }),
  end: fc.constantFrom("ends", "breaks", "stays"),
  again: fc.nat(3),
  dropped: fc.integer({ min: -20, max: total }),
});

function frame(version: number): string {
  const event = { id: `e-${version}`, type: "cart.itemAdded", version, time: 1, data: { sku: "\u00e9\u{1f680}" } };
  return `id: ${version}\nevent: cart.itemAdded\ndata: ${JSON.stringify(event)}\n\n`;
}

/** A server with `total` events behind a network that does this to the connection. */
function meets({ kind, bytes, pieces, end, again, dropped }: Fate): Reaction {
  if (kind === "refused") return lost;
  if (kind === "deaf") return deaf;
  if (kind === "busy") return problem(503, "overloaded", {}, { "Retry-After": "1" });
  return ({ headers }) => {
    const from = Math.max(1, Number(headers.get("last-event-id")) + 1 - again);
    let text = "";
    for (let version = from; version <= total; version++) if (version !== dropped) text += frame(version);
    let left = new TextEncoder().encode(text).subarray(0, bytes);
    let turn = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = left.subarray(0, pieces[turn++ % pieces.length]);
        left = left.subarray(piece.length);
        if (piece.length > 0) controller.enqueue(piece);
        else if (end === "ends") controller.close();
        else if (end === "breaks") controller.error(new TypeError("terminated"));
        else return new Promise<void>(() => {});
        return undefined;
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  };
}

const whole: Fate = { kind: "open", bytes: 1e6, pieces: [1e6], end: "stays", again: 0, dropped: 0 };

test("whatever happens to its connections, a watcher gets every event once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 8 }), async (fates) => {
      const { shop, platform } = createFixture([...fates, whole].map(meets));
      const versions: number[] = [];
      const loop = async (): Promise<void> => {
        for await (const { version } of shop.cart("u1").$watch()) {
          versions.push(version);
          if (version === total) break;
        }
      };
      await platform.run(loop());
      expect(versions).toEqual(Array.from({ length: total }, (_, i) => i + 1));
      expect(platform.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});
