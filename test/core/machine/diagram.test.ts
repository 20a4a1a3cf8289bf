import { diagram, holdfast, machine, machineDiagram } from "holdfast";
import { expect, test } from "vitest";
import * as z from "zod";
import type { MachineTable } from "../../../src/core/machine/table.ts";
import { order } from "../../../examples/orders/order.ts";

const h = holdfast();
const nothing = z.object({});

/** The table that a diagram shows. */
function tableOf(text: string): object {
  const names = new Map([...text.matchAll(/^ {2}state "(.+)" as (\w+)$/gm)].map(([, name, id]) => [id, name]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const arrows = [...text.matchAll(/^ {2}(\S+) --> ([^\s:]+)(?:: (.+))?$/gm)];
  const states: Record<string, { transitions: object[]; timeout?: object; final: boolean }> = {};
  let initial = "";
  const of = (id: string) => (states[nameOf(id)] ??= { transitions: [], final: false });
  for (const [, from = "", to = "", label] of arrows) {
    if (from === "[*]") initial = nameOf(to);
    else if (to === "[*]") of(from).final = true;
    else if (label?.startsWith("after ")) of(from).timeout = { after: label.slice("after ".length), to: nameOf(to) };
    else {
      const [, event, guarded] = /^(\S+)( \[guarded\])?$/.exec(label ?? "") ?? [];
      of(from).transitions.push({ event, to: nameOf(to), guarded: guarded !== undefined });
    }
  }
  return { initial, states };
}

function shown({ initial, states }: MachineTable, after: (ms: number) => string): object {
  const all = [...states].map(([name, { transitions, timeout, final }]) => [
    name,
    {
      transitions: transitions.map(({ event, to = name, guarded }) => ({ event, to, guarded })),
      ...(timeout && { timeout: { after: after(timeout.afterMs), to: timeout.to } }),
      final,
    },
  ]);
  return { initial, states: Object.fromEntries(all) };
}

test("the diagram of the reference machine is its table: 11 states, 15 transitions", () => {
  const table = order.definition.machine as MachineTable;
  expect(table.states.size).toBe(11);
  expect([...table.states.values()].flatMap(({ transitions }) => transitions)).toHaveLength(15);
  expect(tableOf(machineDiagram(table))).toEqual(shown(table, () => "15 min"));
});

test("guards, time-outs, loops and names that Mermaid would misread are drawn, too", () => {
  const odd = machine("odd", {
    initial: "end",
    data: () => ({}),
    events: { go: nothing, stay: nothing },
    states: {
      end: { on: { go: [{ to: "State", guard: () => false }, { to: "a-b" }], stay: {} } },
      State: { timeout: { after: { days: 1, hours: 2, ms: 5 }, to: "a-b" } },
      "a-b": { final: true },
    },
  });
  const table = odd.definition.machine as MachineTable;
  expect(machineDiagram(table).split("\n")).toEqual([
    "stateDiagram-v2",
    '  state "end" as s0_',
    '  state "State" as s1_',
    '  state "a-b" as s2_',
    "  [*] --> s0_",
    "  s0_ --> s1_: go [guarded]",
    "  s0_ --> s2_: go",
    "  s0_ --> s0_: stay",
    "  s1_ --> s2_: after 1 d 2 h 5 ms",
    "  s2_ --> [*]",
  ]);
  expect(tableOf(machineDiagram(table))).toEqual(shown(table, () => "1 d 2 h 5 ms"));
  // The app's own diagram shows its events like any entity's.
  expect(diagram(h.app({ entities: [odd] }))).toContain("timedOut");
});
