-- The load of `bench/run http` for wrk: walks all tenants' tokens and rows, in the order of bench/ceiling.cpp.
--   wrk … -s tasks.lua URL -- OP STYLE ROWS TENANTS_FILE HOST
-- OP: point, list, insert, update. STYLE: rest (Bulkhead's data API) or fastify. TENANTS_FILE: a token a line.
local op, style, rows, host
local heads, bodies = {}, {}
local turn = 0

function init(args)
  op, style, rows, host = args[1], args[2], tonumber(args[3]), args[5]
  local accept = ""
  if style == "rest" and op ~= "list" then
    accept = "Accept: application/vnd.pgrst.object+json\r\n"
    if op ~= "point" then accept = accept .. "Prefer: return=representation\r\n" end
  end
  for token in io.lines(args[4]) do
    heads[#heads + 1] = " HTTP/1.1\r\nHost: " .. host .. "\r\nAuthorization: Bearer " .. token .. "\r\n" .. accept
  end
  if #heads == 0 then error("no tokens in " .. args[4]) end
end

local function with_body(method, path, head, body)
  return method .. " " .. path .. head .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function request()
  local t = turn % #heads
  local r = (turn * 7919) % rows
  local head = heads[t + 1]
  local now = turn
  turn = turn + 1
  local rest = style == "rest"
  if op == "list" then
    local status = now % 2 == 0 and "open" or "done"
    if rest then
      return "GET /rest/v1/tasks?status=eq." .. status .. "&order=created_at.desc,id.desc&limit=20" .. head .. "\r\n"
    end
    return "GET /tasks?status=" .. status .. head .. "\r\n"
  end
  local id = string.format("00000000-0000-4000-8000-%012x", t * rows + r)
  local path = (rest and "/rest/v1/tasks?id=eq." or "/tasks/") .. id
  if op == "point" then return "GET " .. path .. head .. "\r\n" end
  local due = string.format("2027-01-%02dT12:00:00Z", now % 28 + 1)
  if op == "update" then
    return with_body("PATCH", path, head, '{"priority":' .. now % 5 .. ',"due":"' .. due .. '"}')
  end
  local project = string.format("10000000-0000-4000-8000-%012x", t * 10 + now % 10)
  return with_body("POST", rest and "/rest/v1/tasks" or "/tasks", head,
    '{"project_id":"' .. project .. '","title":"Order ' .. now .. ' more sleeves","status":"open","priority":' .. now % 5 ..
    ',"due":"' .. due .. '"}')
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.4f, "p50_ms": %.3f, "p99_ms": %.3f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
