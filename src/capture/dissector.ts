/**
 * A dissector for Wireshark and tshark, in Lua: names the fields of evio's packets (docs/protocol.md). What is sealed stays
 * sealed; `evio capture --outer` puts the frames that were inside beside them.
 *
 * It goes by the first byte and by what must be zero, on any UDP port, so nothing is to be set up. STUN on the same port is
 * Wireshark's own.
 */
export const dissector = String.raw`-- evio.lua: a dissector of evio's packets for Wireshark 3.6 and later. Written by "evio capture --dissector".
-- Into the folder of personal Lua plugins (Help, About Wireshark, Folders), or: tshark -X lua_script:evio.lua -r FILE

local evio = Proto("evio", "evio virtual Ethernet")

local kinds = {
  [0x50] = "data", [0x51] = "handshake init", [0x52] = "handshake response", [0x53] = "cookie reply",
  [0x58] = "relay send", [0x59] = "relay deliver", [0x5a] = "relay bind", [0x5b] = "relay bound", [0x5c] = "relay unbound",
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

local packet

local function data(buf, tree)
  tree:add(f.flags, buf(1, 1))
  tree:add_le(f.receiver, buf(4, 4))
  tree:add(f.counter, buf(8, 8))
  local inside = buf:len() - 32
  tree:add(f.length, inside):set_generated()
  if inside > 0 then tree:add(f.sealed, buf(16, inside)) end
  tree:add(f.tag, buf(16 + inside, 16))
  return string.format("to %08x, counter %s, %d bytes%s", buf(4, 4):le_uint(), buf(8, 8):uint64(), inside,
    inside == 0 and " (keepalive)" or "")
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
    local what = ours(inner) and inner(0, 1):uint() < 0x58 and packet(inner, pinfo, root) or "not understood"
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
  local type = buf(0, 1):uint()
  local tree = root:add(evio, buf(), "evio " .. kinds[type])
  tree:add(f.type, buf(0, 1))
  local text = kinds[type] .. " " .. bodies[type](buf, tree, pinfo, root)
  tree:set_text("evio " .. text)
  return text
end

function evio.dissector(buf, pinfo, root)
  if not ours(buf) then return 0 end
  local text = packet(buf, pinfo, root)
  pinfo.cols.protocol = "evio"
  pinfo.cols.info = text
  return buf:len()
end

evio:register_heuristic("udp", function(buf, pinfo, root)
  return evio.dissector(buf, pinfo, root) > 0
end)
DissectorTable.get("udp.port"):add_for_decode_as(evio)
`;
