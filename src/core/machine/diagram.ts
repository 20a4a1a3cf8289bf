import type { MachineTable } from "./table.ts";

/** What Mermaid takes for something else than a name, in any case. */
const keywords: ReadonlySet<string> = new Set(["state", "note", "end", "direction", "as", "default", "class", "style"]);

/**
 * A state machine as a Mermaid state diagram: an arrow for each transition, with its event, and for each state that may
 * last too long. In the order of the declaration.
 * Source: https://mermaid.js.org/syntax/stateDiagram.html
 */
export function machineDiagram({ initial, states }: MachineTable): string {
  const lines = ["stateDiagram-v2"];
  const nodes = new Map([...states.keys()].map((name, i) => [name, nodeOf(name, i)]));
  const node = (name: string): string => nodes.get(name) ?? name;
  for (const [name, id] of nodes) if (name !== id) lines.push(`  state "${name}" as ${id}`);
  lines.push(`  [*] --> ${node(initial)}`);
  for (const [name, { transitions, timeout, final }] of states) {
    for (const { event, to = name, guarded } of transitions) {
      lines.push(`  ${node(name)} --> ${node(to)}: ${event}${guarded ? " [guarded]" : ""}`);
    }
    if (timeout) lines.push(`  ${node(name)} --> ${node(timeout.to)}: after ${durationOf(timeout.afterMs)}`);
    if (final) lines.push(`  ${node(name)} --> [*]`);
  }
  return lines.join("\n");
}

/** An id that Mermaid takes: most names are one. */
function nodeOf(name: string, i: number): string {
  return /^\w+$/.test(name) && !keywords.has(name.toLowerCase()) ? name : `s${i}_`;
}

/** `15 min`, `1 d 2 h` */
function durationOf(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
    ["ms", 1],
  ] as const;
  let rest = ms;
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}
