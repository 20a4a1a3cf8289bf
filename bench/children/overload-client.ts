import { performance } from "node:perf_hooks";
import { cartOf, itemOf } from "../workload.ts";
import { answerParent } from "./answer.ts";
import { openSockets, type Received } from "./sockets.ts";

/** So many commands a second for so long. */
export interface Phase {
  readonly perSecond: number;
  readonly ms: number;
}

export interface StormQuestion {
  readonly port: number;
  /** Distinguishes the keys: the `n`th command of this storm has the key `<name>-<n>`. */
  readonly name: string;
  /** Of commands to many carts. */
  readonly many: readonly Phase[];
  /** At the same time, of commands to one cart. */
  readonly hot?: readonly Phase[];
  /** A command that has no answer by then never gets one. */
  readonly timeoutMs: number;
}

/** More than a server lets be under way (4,096). Where none is free a command waits here, and its time runs. */
const connections = 6_000;

/** All commands in the order of their sending, in columns. */
export interface StormAnswer {
  /** Epoch milliseconds of the first one's sending. */
  readonly from: number;
  /** When each had to be sent, milliseconds from the start. */
  readonly at: readonly number[];
  /** From when it had to be sent to the whole answer, milliseconds: a client that is late is part of it. */
  readonly ms: readonly number[];
  /** 0: none. */
  readonly status: readonly number[];
  /** 1: the answer had a Retry-After of whole seconds, from 1. */
  readonly retryAfter: readonly number[];
  /** 1: to the hot cart. */
  readonly hot: readonly number[];
  /** Connections that had a request under way at once. */
  readonly connections: number;
  /** Share of one core that this client used while it sent. */
  readonly load: number;
}

/** Sends what is due, whatever has become of what was sent before; nothing is sent twice. */
async function storm({ port, name, many, hot = [], timeoutMs }: StormQuestion): Promise<StormAnswer> {
  const plan = [...timesOf(many).map((at) => ({ at, hot: 0 })), ...timesOf(hot).map((at) => ({ at, hot: 1 }))];
  plan.sort((a, b) => a.at - b.at);
  const { length } = plan;
  const at = plan.map((one) => one.at);
  const [ms, status, retryAfter] = [at.map(() => 0), at.map(() => 0), at.map(() => 0)];
  const sockets = await openSockets(port, connections);
  const [from, start, cpu] = [Date.now(), performance.now(), process.cpuUsage()];
  let [next, open] = [0, length];
  let load = 0;

  await new Promise<void>((resolve) => {
    function received(index: number, answer: Received): void {
      ms[index] = performance.now() - start - (at[index] ?? 0);
      status[index] = answer.status;
      retryAfter[index] = answer.retryAfter ? 1 : 0;
      if (--open === 0) resolve();
    }
    function send(): void {
      const now = performance.now() - start;
      for (let one = plan[next]; one && one.at <= now; one = plan[++next]) {
        const index = next;
        const cart = one.hot ? "hot" : cartOf(index);
        sockets.send(requestOf(cart, `${name}-${index}`, index), start + one.at + timeoutMs, (answer) =>
          received(index, answer),
        );
      }
      sockets.expire();
      if (next < length) {
        setTimeout(send, 1);
        return;
      }
      const { user, system } = process.cpuUsage(cpu);
      load ||= (user + system) / 1_000 / now;
      if (open > 0) setTimeout(send, 10);
    }
    send();
  });
  sockets.close();
  return { from, at, ms, status, retryAfter, hot: plan.map((one) => one.hot), connections: sockets.most(), load };
}

function timesOf(phases: readonly Phase[]): readonly number[] {
  let before = 0;
  return phases.flatMap(({ perSecond, ms }) => {
    const from = before;
    before += ms;
    return Array.from({ length: Math.round((perSecond * ms) / 1_000) }, (_, i) => from + (i * 1_000) / perSecond);
  });
}

function requestOf(cart: string, key: string, index: number): string {
  const body = JSON.stringify(itemOf(index));
  return (
    `POST /api/cart/${cart}/addItem HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
    `idempotency-key: ${key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}

answerParent(storm);
