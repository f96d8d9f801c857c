/**
 * A dissector for Wireshark and tshark, in Lua: names the fields of evio's packets (docs/protocol.md), and opens those that a
 * key log has keys of (wire/key-log.ts), so that Wireshark shows the frames inside. `evio capture --outer` puts the frames that
 * passed the interface beside them.
 *
 * It goes by the first byte and by what must be zero, on any UDP port, so nothing is to be set up. STUN on the same port is
 * Wireshark's own.
 */
import { ciphers } from './dissector-ciphers.js';
import { keyLog } from './dissector-keys.js';

const fields = String.raw`-- evio.lua: a dissector of evio's packets for Wireshark 3.6 and later. Written by "evio capture --dissector".
-- Into the folder of personal Lua plugins (Help, About Wireshark, Folders), or: tshark -X lua_script:evio.lua -r FILE

local evio = Proto("evio", "evio virtual Ethernet")

local kinds = {
  [0x50] = "data", [0x51] = "handshake init", [0x52] = "handshake response", [0x53] = "cookie reply",
  [0x58] = "relay send", [0x59] = "relay deliver", [0x5a] = "relay bind", [0x5b] = "relay bound", [0x5c] = "relay unbound",
}
local inner = {
  [0x00] = "frame", [0x01] = "frame, checksum partial", [0x02] = "frame, checksum partial", [0x10] = "control",
  [0x20] = "for another member", [0x22] = "multicast groups", [0x23] = "flood", [0x24] = "part of a flood", [0x25] = "piece",
}
local suites = { [1] = "AES-256-GCM", [2] = "ChaCha20-Poly1305" }

local f = evio.fields
f.type = ProtoField.uint8("evio.type", "Type", base.HEX, kinds)
f.flags = ProtoField.uint8("evio.flags", "Flags", base.HEX)
f.version = ProtoField.uint8("evio.version", "Version")
f.suite = ProtoField.uint8("evio.suite", "Suite", base.DEC, suites)
f.sender = ProtoField.uint32("evio.sender", "Sender index", base.HEX)
f.receiver = ProtoField.uint32("evio.receiver", "Receiver index", base.HEX)
f.counter = ProtoField.uint64("evio.counter", "Counter")
f.sealed = ProtoField.bytes("evio.sealed", "Sealed")
f.length = ProtoField.uint32("evio.sealed.len", "Bytes inside")
f.tag = ProtoField.bytes("evio.tag", "Tag")
f.ephemeral = ProtoField.bytes("evio.noise.e", "Ephemeral key")
f.static = ProtoField.bytes("evio.noise.s", "Static key, sealed")
f.payload = ProtoField.bytes("evio.noise.payload", "Payload, sealed")
f.mac1 = ProtoField.bytes("evio.mac1", "MAC 1")
f.mac2 = ProtoField.bytes("evio.mac2", "MAC 2")
f.nonce = ProtoField.bytes("evio.cookie.nonce", "Nonce")
f.cookie = ProtoField.bytes("evio.cookie", "Cookie, sealed")
f.association = ProtoField.uint32("evio.relay.association", "Association", base.HEX)
f.destination = ProtoField.bytes("evio.relay.destination", "Destination node id")
f.source = ProtoField.bytes("evio.relay.source", "Source node id")
f.mac = ProtoField.bytes("evio.relay.mac", "MAC")
f.address = ProtoField.ipv6("evio.relay.address", "Observed address")
f.port = ProtoField.uint16("evio.relay.port", "Observed port")
f.padding = ProtoField.bytes("evio.padding", "Padding")
f.way = ProtoField.string("evio.key.direction", "Opened by a key to")
f.member = ProtoField.string("evio.key.member", "Shared with")
f.kind = ProtoField.uint8("evio.kind", "Kind", base.HEX, inner)
f.ttl = ProtoField.uint8("evio.transit.ttl", "Members it may pass")
f.final = ProtoField.bytes("evio.transit.destination", "Destination node id")
f.origin = ProtoField.bytes("evio.flood.origin", "Origin node id")

-- Shortest packet of each type.
local least = {
  [0x50] = 32, [0x51] = 136, [0x52] = 92, [0x53] = 64,
  [0x58] = 40, [0x59] = 40, [0x5a] = 50, [0x5b] = 50, [0x5c] = 8,
}
local exact = { [0x53] = 64, [0x5a] = 50, [0x5b] = 50, [0x5c] = 8 }

local function ours(buf)
  if buf:len() < 8 then return false end
  local type = buf(0, 1):uint()
  if not least[type] or buf:len() < least[type] then return false end
  if exact[type] and buf:len() ~= exact[type] then return false end
  if buf(2, 2):uint() ~= 0 then return false end
  if type == 0x51 or type == 0x52 then return suites[buf(1, 1):uint()] ~= nil end
  return true
end

`;

const packets = String.raw`
local packet
local ethernet = Dissector.get("eth_withoutfcs")
-- frames that were inside the datagram, shown once its own columns are written
local frames = {}

-- where the frame begins behind a kind that has one
local frame_at = { [0x00] = 1, [0x01] = 1, [0x02] = 5 }

-- What was sealed: a kind and its body.
local function inside(buf, pinfo, root, tree)
  local kind = buf(0, 1):uint()
  tree:add(f.kind, buf(0, 1))
  local text = inner[kind] or string.format("kind %02x", kind)
  local at = frame_at[kind]
  if kind == 0x23 and buf:len() > 102 then
    -- kind, ttl, flags, bound, signature, place, path, origin, epoch, sequence: flood.ts
    local said = 76 + 16 * math.floor(buf(75, 1):uint() / 32)
    if buf:len() > said + 27 then
      tree:add(f.origin, buf(said, 16))
      at = frame_at[buf(said + 26, 1):uint()]
      at = at and said + 26 + at
    end
  elseif kind == 0x20 and buf:len() > 19 then
    tree:add(f.ttl, buf(1, 1))
    tree:add(f.final, buf(3, 16))
    return text .. ": " .. packet(buf(19):tvb(), pinfo, root)
  end
  if at and buf:len() >= at + 14 then frames[#frames + 1] = buf(at):tvb() end
  return text
end

local function data(buf, tree, pinfo, root)
  tree:add(f.flags, buf(1, 1))
  tree:add_le(f.receiver, buf(4, 4))
  tree:add(f.counter, buf(8, 8))
  local length = buf:len() - 32
  tree:add(f.length, length):set_generated()
  if length > 0 then tree:add(f.sealed, buf(16, length)) end
  tree:add(f.tag, buf(16 + length, 16))
  local text = string.format("to %08x, counter %s, %d bytes%s", buf(4, 4):le_uint(), buf(8, 8):uint64(), length,
    length == 0 and " (keepalive)" or "")
  local plain, key = plaintext(buf(4, 4):le_uint(), buf:raw(0, 16), length > 0 and buf:raw(16, length) or "", buf:raw(16 + length, 16))
  if not plain then return text end
  tree:add(f.way, key.way):set_generated()
  tree:add(f.member, key.member):set_generated()
  if length == 0 then return text end
  return text .. ", " .. inside(ByteArray.new(plain, true):tvb("evio, opened"), pinfo, root, tree)
end

local function macs(buf, tree)
  tree:add(f.mac1, buf(buf:len() - 32, 16))
  tree:add(f.mac2, buf(buf:len() - 16, 16))
end

local function init(buf, tree)
  tree:add(f.suite, buf(1, 1))
  tree:add_le(f.sender, buf(4, 4))
  tree:add(f.ephemeral, buf(8, 32))
  tree:add(f.static, buf(40, 48))
  tree:add(f.payload, buf(88, buf:len() - 120))
  macs(buf, tree)
  return string.format("from %08x", buf(4, 4):le_uint())
end

local function response(buf, tree)
  tree:add(f.suite, buf(1, 1))
  tree:add_le(f.sender, buf(4, 4))
  tree:add_le(f.receiver, buf(8, 4))
  tree:add(f.ephemeral, buf(12, 32))
  tree:add(f.payload, buf(44, buf:len() - 76))
  macs(buf, tree)
  return string.format("from %08x to %08x", buf(4, 4):le_uint(), buf(8, 4):le_uint())
end

local function reply(buf, tree)
  tree:add_le(f.receiver, buf(4, 4))
  tree:add(f.nonce, buf(8, 24))
  tree:add(f.cookie, buf(32, 32))
  return string.format("to %08x", buf(4, 4):le_uint())
end

local function relayed(field)
  return function(buf, tree, pinfo, root)
    tree:add(f.flags, buf(1, 1))
    tree:add_le(f.association, buf(4, 4))
    tree:add(field, buf(8, 16))
    local inner = buf(24):tvb()
    local node = buf(8, 16):bytes():tohex(true)
    local what = inner(0, 1):uint() < 0x58 and packet(inner, pinfo, root) or "not understood"
    return string.format("%s %s: %s", field == f.destination and "to" or "from", node:sub(1, 8), what)
  end
end

local function bind(buf, tree)
  tree:add(f.version, buf(1, 1))
  tree:add_le(f.association, buf(4, 4))
  tree:add_le(f.counter, buf(8, 8))
  tree:add(f.mac, buf(16, 16))
  tree:add(f.padding, buf(32, 18))
  return string.format("association %08x", buf(4, 4):le_uint())
end

local function bound(buf, tree)
  tree:add(f.version, buf(1, 1))
  tree:add_le(f.association, buf(4, 4))
  tree:add_le(f.counter, buf(8, 8))
  tree:add(f.address, buf(16, 16))
  tree:add(f.port, buf(32, 2))
  tree:add(f.mac, buf(34, 16))
  return string.format("association %08x", buf(4, 4):le_uint())
end

local function unbound(buf, tree)
  tree:add(f.version, buf(1, 1))
  tree:add_le(f.association, buf(4, 4))
  return string.format("association %08x", buf(4, 4):le_uint())
end

local bodies = {
  [0x50] = data, [0x51] = init, [0x52] = response, [0x53] = reply,
  [0x58] = relayed(f.destination), [0x59] = relayed(f.source), [0x5a] = bind, [0x5b] = bound, [0x5c] = unbound,
}

packet = function(buf, pinfo, root)
  if not ours(buf) then return "not understood" end
  local type = buf(0, 1):uint()
  local tree = root:add(evio, buf(), "evio " .. kinds[type])
  tree:add(f.type, buf(0, 1))
  local text = kinds[type] .. " " .. bodies[type](buf, tree, pinfo, root)
  tree:set_text("evio " .. text)
  return text
end

-- Length of one packet of a train, which the kernel cut or joined: where the next one with the same head begins.
local function segment(buf)
  local raw = buf:raw()
  local head = raw:sub(1, raw:byte() == 0x50 and 8 or 24)
  local at = raw:byte() ~= 0x51 and raw:byte() ~= 0x52 and raw:find(head, 33, true)
  return at and at - 1 or #raw
end

function evio.dissector(buf, pinfo, root)
  if not ours(buf) then return 0 end
  frames = {}
  local each, text, more = segment(buf), nil, 0
  for at = 0, buf:len() - 1, each do
    local one = packet(buf(at, math.min(each, buf:len() - at)):tvb(), pinfo, root)
    if text then more = more + 1 else text = one end
  end
  pinfo.cols.protocol = "evio"
  pinfo.cols.info = more == 0 and text or string.format("%s, and %d more", text, more)
  for _, frame in ipairs(frames) do ethernet:call(frame, pinfo, root) end
  return buf:len()
end

evio:register_heuristic("udp", function(buf, pinfo, root)
  return evio.dissector(buf, pinfo, root) > 0
end)
DissectorTable.get("udp.port"):add_for_decode_as(evio)
`;

/** The whole of it. */
export const dissector = fields + ciphers + keyLog + packets;
