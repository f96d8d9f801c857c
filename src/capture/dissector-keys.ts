/** The part of the dissector that knows keys (wire/key-log.ts), which it reads on as the file grows. */
export const keyLog = String.raw`
evio.prefs.keylog_file = Pref.string("Key log file", "", "What evio capture --outer --keys FILE wrote: packets are opened by it")

-- by receiver index; the file, its name, and where its next line begins
local keys, log, log_name, log_at = {}, nil, "", 0
-- what was opened, by header and tag: packets are looked at again and again
local opened, opened_count, opened_limit = {}, 0, 20000

local function forget()
  if log then log:close() end
  keys, log, log_name, log_at = {}, nil, "", 0
  opened, opened_count = {}, 0
end

local suite_of = { ["AES-256-GCM"] = 1, ["ChaCha20-Poly1305"] = 2 }

local function take(line)
  local way, index, cipher, key, member = line:match("^(%l+) (%x+) (%S+) (%x+) (%x+)%s*$")
  local suite = suite_of[cipher]
  if not suite or #index ~= 8 or #key ~= 64 or not open[suite] then return end
  local at = tonumber(index, 16)
  keys[at] = keys[at] or {}
  for _, known in ipairs(keys[at]) do if known.hex == key then return end end
  local raw = key:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end)
  table.insert(keys[at], 1, { suite = suite, hex = key, raw = raw, way = way, member = member })
end

-- True when there were lines that are new; one that is not whole yet waits.
local function read_on()
  local name = evio.prefs.keylog_file
  if name ~= log_name then
    forget()
    log_name = name
    log = name ~= "" and io.open(name, "rb") or nil
  end
  if not log then return false end
  local before = log_at
  log:seek("set", log_at)
  for line in function() return log:read("*L") end do
    if line:sub(-1) ~= "\n" then break end
    log_at = log_at + #line
    take(line)
  end
  return log_at > before
end

-- The plaintext of a packet, and the key that opened it; nil: nobody has it.
local function plaintext(index, header, sealed, tag)
  local id = header .. tag
  local found = opened[id]
  if found and found.sealed == sealed then return found.plain, found.key end
  repeat
    for _, key in ipairs(keys[index] or {}) do
      key.ready = key.ready or ready[key.suite](key.raw)
      local plain = open[key.suite](key.ready, header, sealed, tag)
      if plain then
        if opened_count >= opened_limit then opened, opened_count = {}, 0 end
        opened[id], opened_count = { plain = plain, key = key, sealed = sealed }, opened_count + 1
        return plain, key
      end
    end
  until not read_on()
  return nil
end

function evio.init() forget() end
`;
