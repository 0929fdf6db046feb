-- The load of `bench/run api` for wrk: walks all tenants' tokens and rows.
--   wrk … -s music.lua URL -- OP ALBUMS TOKENS_FILE HOST
local op, albums, host
local heads = {}
local turn = 0

function init(args)
  op, albums, host = args[1], tonumber(args[2]), args[4]
  for token in io.lines(args[3]) do
    heads[#heads + 1] = " HTTP/1.1\r\nHost: " .. host .. "\r\nAuthorization: Bearer " .. token .. "\r\n"
  end
  if #heads == 0 then error("no tokens in " .. args[3]) end
end

local function with_body(method, path, head, body)
  return method .. " " .. path .. head .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

local function employee(number)
  return '{"first_name":"Ann","last_name":"No. ' .. number .. '","title":"Clerk","city":"Berlin"}'
end

function request()
  local head = heads[turn % #heads + 1]
  local album = (turn * 7919) % albums + 1
  local now = turn
  turn = turn + 1
  if op == "get_single" then return "GET /rest/v1/artist?select=*&artist_id=eq." .. (album % 100 + 1) .. head .. "\r\n" end
  if op == "get_single_embed" then
    return "GET /rest/v1/album?select=*,track(*,genre(*))&album_id=eq." .. album .. head .. "\r\n"
  end
  if op == "get_all_embed" then return "GET /rest/v1/album?select=*,track(*,genre(*))" .. head .. "\r\n" end
  if op == "embed_20x10" then
    return "GET /rest/v1/album?select=album_id,title,track(track_id,name,milliseconds)&album_id=gt." .. album % (albums - 20) ..
      "&order=album_id&limit=20" .. head .. "\r\n"
  end
  if op == "post_single" then return with_body("POST", "/rest/v1/employee", head, employee(now)) end
  if op == "post_bulk" then
    local rows = {}
    for i = 1, 20 do rows[i] = employee(now * 20 + i) end
    return with_body("POST", "/rest/v1/employee", head, "[" .. table.concat(rows, ",") .. "]")
  end
  return with_body("PATCH", "/rest/v1/artist?artist_id=eq." .. (album % 100 + 1), head, '{"name":"Artist ' .. now .. '"}')
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.4f, "p50_ms": %.3f, "p99_ms": %.3f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
