/**
 * V8's inspector stays shut: whoever connects to it runs code in the process, and a node is often root's. bin/run.js shuts
 * it in its own process; here is what a process that we start gets, so that it is shut there from its first instant.
 */

/** `"…"` with backslashes, or anything up to a space: how Node splits NODE_OPTIONS. */
const word = /(?:"(?:\\.|[^"\\])*"|[^ "])+/g;
/** Options whose value may be the next word. */
const valued = /^--(inspect|debug)-port$/;

/** NODE_OPTIONS without what opens or moves the inspector; undefined when nothing is left. */
export function withoutInspector(nodeOptions: string | undefined): string | undefined {
  const kept: string[] = [];
  let value = false;
  for (const text of nodeOptions?.match(word) ?? []) {
    const option = text.replace(/["\\]/g, '').replaceAll('_', '-');
    const ours = /^--(inspect|debug)(-|=|$)/.test(option) || (value && !option.startsWith('-'));
    value = valued.test(option);
    if (!ours) kept.push(text);
  }
  return kept.length === 0 ? undefined : kept.join(' ');
}

/** Flags for a Node that we start. From Node 22.14 on, it can be told to leave SIGUSR1 alone before it runs anything. */
export function inspectorFlags(
  known: { has(flag: string): boolean } = process.allowedNodeEnvironmentFlags,
): string[] {
  return known.has('--disable-sigusr1') ? ['--disable-sigusr1'] : [];
}
