/** A machine as data: what can happen where. In the order of the declaration. */
export interface MachineTable {
  readonly initial: string;
  readonly states: ReadonlyMap<string, MachineState>;
}

export interface MachineState {
  readonly transitions: readonly MachineTransition[];
  readonly timeout: { readonly afterMs: number; readonly to: string } | undefined;
  readonly final: boolean;
}

export interface MachineTransition {
  readonly event: string;
  /** Undefined: it stays where it is. */
  readonly to: string | undefined;
  readonly guarded: boolean;
}
