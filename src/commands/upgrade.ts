import { BaseCommand } from '../cli/base.js';

export default class Upgrade extends BaseCommand {
  static override summary = 'have this program go on in the place of the running node or relay';
  static override description = `Starts this program beside the node that runs here, the relay, or both, and hands everything to it: interfaces, sockets, sessions with their keys and counters, associations. Packets that come meanwhile wait in the kernel; none is lost and none comes twice, and members notice nothing. Then the process before ends; that of a relay as soon as the nodes that are connected by TCP have connected to the new one. When anything goes wrong, what ran goes on, and the error says why.

To be run after a new version was installed. SIGUSR2 to the process does the same with the program that it was started from.`;

  static override examples = ['sudo <%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    await this.parse(Upgrade);
    const { upgradeAll } = await import('../cli/upgrade.js');
    const parts = await upgradeAll(this.home());
    for (const { part, from, to, gapMs, pid } of parts)
      this.say(
        `${part}: ${from === to ? `version ${to}` : `version ${to} instead of ${from}`} runs now (process ${pid}); packets waited for ${gapMs} ms.`,
      );
    const [{ part: _part, ...first }] = parts as [(typeof parts)[number]];
    return parts.length === 1 ? first : { ...first, parts };
  }
}
