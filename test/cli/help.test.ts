/** What `--help` of each command says of its use can be read. */
import { CommandHelp, Config, type Interfaces } from '@oclif/core';
import { expect, it } from 'vitest';
import { root } from './support.js';

class Usage extends CommandHelp {
  get text(): string {
    return this.render(this.usage());
  }
}

it('the usage of each command has no gaps, values with names, and brackets that close', async () => {
  const config = await Config.load({ root });
  expect(config.commands.length).toBeGreaterThan(50);
  for (const command of config.commands) {
    const options = { all: true, maxWidth: 120, stripAnsi: true } as Interfaces.HelpOptions & {
      maxWidth: number;
    };
    const usage = new Usage(command, config, options).text;
    expect(usage, command.id).toContain(command.id);
    // A gap is what oclif leaves where several switches exclude each other: such a command writes its usage itself.
    expect(usage, command.id).not.toMatch(/\|\s*\||\[\s*\]|\[\s*\||\|\s*\]|undefined|<%|<value>|<option>/);
    const count = (mark: string): number => usage.split(mark).length;
    expect(count('['), `${command.id}: ${usage}`).toBe(count(']'));
  }
});
