/** The state of a running demo, from its events. */
import type { DemoEvent, DemoPair } from './demo-types.js';

export interface DemoModel {
  readonly phase: string;
  readonly nodes: readonly {
    name: string;
    nat: string;
    state: string;
    ip: string | null;
    ms: number | null;
  }[];
  readonly pairs: readonly (DemoPair | undefined)[];
  readonly total: number;
  readonly commands: readonly string[];
  readonly done: boolean;
}

export const emptyDemo: DemoModel = { phase: '', nodes: [], pairs: [], total: 0, commands: [], done: false };

export function demoModel(model: DemoModel, event: DemoEvent): DemoModel {
  switch (event.type) {
    case 'phase':
      return { ...model, phase: event.text, done: event.phase === 'done' };
    case 'node': {
      const { name, nat, state, ip, ms } = event;
      const before = model.nodes.find((node) => node.name === name);
      const node = { name, nat, state, ip: ip ?? before?.ip ?? null, ms: ms ?? before?.ms ?? null };
      const nodes = before
        ? model.nodes.map((other) => (other.name === name ? node : other))
        : [...model.nodes, node];
      return { ...model, nodes };
    }
    case 'pair': {
      const pairs = [...model.pairs];
      const at = pairs.findIndex((pair) => pair?.from === event.pair.from && pair.to === event.pair.to);
      if (at >= 0) pairs[at] = event.pair;
      else pairs.push(event.pair);
      return { ...model, pairs, total: event.total };
    }
    case 'kept':
      return { ...model, commands: event.commands };
    case 'line':
    case 'result':
      return model;
  }
}
