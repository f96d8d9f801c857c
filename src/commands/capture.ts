import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { durationFlag, networkFlag } from '../cli/flags.js';

/** Longer than any frame. */
const wholeFrame = 262_144;
/** Enough of a frame to tell whose it is. */
const shortest = 96;

export default class Capture extends BaseCommand {
  static override summary = 'capture the frames of a network on this machine, for Wireshark';
  static override description =
    'Writes what passes the interface of a network, both ways, as pcapng: each frame with its direction and the member that it is exchanged with. It ends with Ctrl-C, after --count frames, after --for, or with the interface. It costs the node nothing: the kernel makes the copies, and drops and counts those that cannot be written fast enough. With --outer --keys the dissector opens the packets, too: tshark -X lua_script:evio.lua -o evio.keylog_file:KEYS -r FILE. Needs root or CAP_NET_RAW.';

  static override usage = [
    '<%= command.id %> [-n NETWORK] [--peer PEER | --outer [--keys FILE]] [-w FILE] [--count N] [--for TIME] [--snaplen BYTES] [--json]',
    '<%= command.id %> --dissector',
  ];

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> --peer web-1 --for 30s',
    'sudo <%= config.bin %> <%= command.id %> -w /tmp/home.pcapng --count 1000 --json',
    'sudo <%= config.bin %> <%= command.id %> -w - | wireshark -k -i -',
    'sudo <%= config.bin %> <%= command.id %> --outer -w both.pcapng --for 30s',
    '<%= config.bin %> <%= command.id %> --dissector > evio.lua',
    'sudo <%= config.bin %> <%= command.id %> --outer --keys home.keys -w home.pcapng --for 30s',
  ];

  static override flags = {
    network: networkFlag,
    peer: Flags.string({
      helpValue: 'PEER',
      description: 'only frames exchanged with this member: name, address or id',
    }),
    write: Flags.string({
      char: 'w',
      helpValue: 'FILE',
      description:
        'where to write it, - for standard output [default: evio-NETWORK-TIME.pcapng in this folder]',
    }),
    count: Flags.integer({ min: 1, helpValue: 'N', description: 'end after this many frames' }),
    for: durationFlag({ description: 'end after this time' }),
    outer: Flags.boolean({
      description:
        'the packets in which they travel, too: UDP between members and relays, sealed, as a second interface of the file',
      exclusive: ['peer'],
    }),
    keys: Flags.string({
      helpValue: 'FILE',
      description:
        'the session keys of these packets, too, into a new file: the dissector opens the packets by it, and so can whoever gets both files',
      dependsOn: ['outer'],
    }),
    dissector: Flags.boolean({
      description: "print a dissector of evio's packets for Wireshark, in Lua, and capture nothing",
      exclusive: ['outer', 'keys', 'peer', 'write', 'count', 'for', 'snaplen', 'network'],
    }),
    snaplen: Flags.integer({
      min: shortest,
      max: wholeFrame,
      helpValue: 'BYTES',
      description: `bytes to keep of each frame, at least ${shortest} [default: all]`,
    }),
  };

  async run(): Promise<undefined> {
    const { flags } = await this.parse(Capture);
    if (flags.dissector) {
      const { dissector } = await import('../capture/dissector.js');
      this.print(dissector);
      return undefined;
    }
    if (flags.keys === '-') {
      const { EvioError } = await import('../core/lib/errors.js');
      throw new EvioError('EVIO_USAGE', 'Keys go into a file of their own.', ['Name one with --keys.']);
    }
    const isStream = flags.write === '-';
    if (isStream && this.jsonEnabled()) {
      const { EvioError } = await import('../core/lib/errors.js');
      throw new EvioError('EVIO_USAGE', 'Standard output cannot take both the capture and --json.', [
        'Name a file with --write, or leave out --json.',
      ]);
    }
    const { capture } = await import('../capture/capture.js');
    const { interruptible } = await import('../core/process/signals.js');
    const { signal, release } = interruptible();
    try {
      const report = await capture({
        controlSocket: this.home().controlSocket,
        network: flags.network,
        peer: flags.peer,
        file: flags.write,
        count: flags.count,
        forMs: flags.for,
        snapLength: flags.snaplen ?? wholeFrame,
        outer: flags.outer,
        keys: flags.keys,
        program: this.agent(),
        signal,
        begun: (facts) => {
          if (this.jsonEnabled()) this.emit({ event: 'capturing', ...facts });
          this.say(
            `Capturing at ${facts.device} into ${isStream ? 'standard output' : facts.file}; Ctrl-C ends it.`,
          );
          if (facts.keys !== undefined)
            this.say(
              `Warning: whoever has ${facts.keys} can read what passes now, all members' traffic with this machine. Give it to nobody who may not, and remove it when you are done.`,
            );
        },
      });
      if (this.jsonEnabled()) this.emit({ event: 'captured', ...report });
      this.say(
        `${report.frames} ${report.frames === 1 ? 'frame' : 'frames'} captured, ${report.dropped} dropped.`,
      );
      if (!isStream) this.print(report.file);
    } finally {
      release();
    }
  }
}
