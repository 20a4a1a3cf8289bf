import type { Cloud, Made, Order } from "./holdfast.ts";

/** What the cloud has: `database well-1`. */
export const nameOf = ({ kind, owner }: Order): string => `${kind} ${owner}`;

/**
 * Whether it can be made, as its owner's name says: there is never a queue for `no-queue-1`, nor a machine for
 * `well-1.broken.b`; for `well-1.flaky.b` there is one at the second attempt.
 */
function isRefused({ kind, owner }: Order, attempt: number): boolean {
  if (kind !== "machine") return owner.startsWith(`no-${kind}-`);
  return /\.broken[^.]*\.b$/.test(owner) || (/\.flaky[^.]*\.b$/.test(owner) && attempt === 1);
}

/** A cloud in memory that honours keys and names, and tells what it has, and what it has done: `create database well-1`. */
export function createCloud(): Cloud & { readonly has: ReadonlySet<string>; readonly deeds: readonly string[] } {
  const answers = new Map<string, Made>();
  const attempts = new Map<string, number>();
  const has = new Set<string>();
  const removed = new Set<string>();
  const deeds: string[] = [];

  function make(order: Order): Made {
    const name = nameOf(order);
    const attempt = (attempts.get(name) ?? 0) + 1;
    attempts.set(name, attempt);
    if (removed.has(name)) return { ok: false, reason: `${name} was removed.` };
    if (isRefused(order, attempt)) return { ok: false, reason: `There is no ${order.kind} to be had.` };
    if (!has.has(name)) deeds.push(`create ${name}`);
    has.add(name);
    return { ok: true, address: `${order.kind}.${order.owner}.example` };
  }

  return {
    has,
    deeds,
    async create(order, key) {
      const answer = answers.get(key) ?? make(order);
      answers.set(key, answer);
      return answer;
    },
    async remove(order) {
      const name = nameOf(order);
      removed.add(name);
      if (has.delete(name)) deeds.push(`remove ${name}`);
    },
  };
}
