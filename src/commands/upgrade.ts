import { BaseCommand } from '../cli/base.js';

export default class Upgrade extends BaseCommand {
  static override summary = 'have this program go on in the place of the running node';
  static override description = `Starts this program beside the node that runs and hands everything to it: interfaces, sockets, sessions with their keys and counters. Packets that come meanwhile wait in the kernel; none is lost and none comes twice, and members notice nothing. Then the process before ends. When anything goes wrong, the node that ran goes on, and the error says why.

To be run after a new version was installed. SIGUSR2 to the process of the node does the same with the program that it was started from.`;

  static override examples = ['sudo <%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    await this.parse(Upgrade);
    const { upgradeNode } = await import('../cli/upgrade-node.js');
    const result = await upgradeNode(this.home());
    const { from, to, gapMs, pid } = result;
    this.say(
      `${from === to ? `Version ${to}` : `Version ${to} instead of ${from}`} runs now (process ${pid}); packets waited for ${gapMs} ms.`,
    );
    return result;
  }
}
