%% Erlang/OTP: gen_server, supervisor and pg; with `plain` as the first argument, processes without any behaviour.
%%
%% Mailboxes have no bound; the bursts are those of the others all the same. A process may always wait, so there is nothing like a
%% plain and an async handler: a row stands where its name fits best. Prints the version, and one line of JSON for each work.
-module(main).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2, handle_info/2, start_phoenix/1, start_newcomer/3]).

-define(BURST, 10000).
-define(ASKERS, 200).
-define(FAN_OUT, 100).
-define(FACTS, 10).
-define(FAILURES, 200). % under one supervisor, which keeps the times of the restarts in a list

main([Kind, Divisor | Works]) ->
    logger:set_primary_config(level, none),
    io:format("{\"version\": \"~s (erts ~s)\", \"python\": null}~n", [erlang:system_info(otp_release), erlang:system_info(version)]),
    [report(list_to_atom(Kind), Work, list_to_integer(Divisor)) || Work <- Works],
    halt(0).

report(Kind, "bytes_idle_100k", Divisor) ->
    Actors = max(1, 100000 div Divisor),
    {Idle, Hibernated} = weigh(Kind, Actors),
    Note = case Hibernated of
        none -> "";
        _ -> io_lib:format(", \"note\": \"hibernated: ~b B\"", [round(Hibernated)])
    end,
    io:format("{\"work\": \"bytes_idle_100k\", \"operations\": ~b, \"bytes_each\": ~.1f~s}~n", [Actors, Idle, Note]);
report(Kind, Work, Divisor) ->
    {Operations, Do} = work(Kind, Work),
    Do(max(1, Operations div max(100, Divisor))),
    erlang:garbage_collect(),
    {Done, Nanoseconds} = Do(max(1, Operations div Divisor)),
    io:format("{\"work\": \"~s\", \"operations\": ~b, \"seconds_each\": ~.12f}~n", [Work, Done, Nanoseconds / Done / 1.0e9]).

work(otp, "tell_nowait_def") -> {1000000, fun cast/1};
work(otp, "ping_pong_def") -> {400000, fun ping_pong/1};
work(otp, "ask_def") -> {200000, fun call/1};
work(otp, "ask_handler_async") -> {200000, fun call_from_handler/1};
work(otp, "ask_outside_async_200") -> {200000, fun call_in_parallel/1};
work(otp, "spawn_told") -> {100000, fun start_children/1};
work(otp, "publish_def") -> {1000000, fun publish/1};
work(otp, "restart") -> {10000, fun restart/1};
work(plain, "tell_nowait_def") -> {1000000, fun send/1};
work(plain, "ping_pong_def") -> {400000, fun plain_ping_pong/1};
work(plain, "ask_def") -> {200000, fun plain_ask/1};
work(plain, "spawn_told") -> {100000, fun plain_spawn/1}.

timed(Fun) ->
    Began = erlang:monotonic_time(nanosecond),
    Result = Fun(),
    {Result, erlang:monotonic_time(nanosecond) - Began}.

started(State) ->
    {ok, Pid} = gen_server:start(?MODULE, State, []),
    Pid.

%% gen_server

init({sup, Phoenix}) ->
    Child = #{id => phoenix, start => {?MODULE, start_phoenix, [Phoenix]}},
    {ok, {#{strategy => one_for_one, intensity => ?FAILURES, period => 60}, [Child]}};
init(crowd) ->
    Child = #{id => newcomer, start => {?MODULE, start_newcomer, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Child]}};
init({phoenix, Driver} = State) ->
    Driver ! {new, self()},
    {ok, State};
init({member, _, _} = State) ->
    pg:join(facts, self()),
    {ok, State};
init({weighed, Hibernates}) ->
    {ok, {0, Hibernates}};
init(State) ->
    {ok, State}.

handle_cast(note, {Handled, true}) -> {noreply, {Handled + 1, true}, hibernate};
handle_cast(note, {Handled, false}) -> {noreply, {Handled + 1, false}};
handle_cast(note, {newcomer, Left, Driver}) ->
    case atomics:sub_get(Left, 1, 1) of
        0 -> Driver ! over;
        _ -> ok
    end,
    {noreply, {newcomer, Left, Driver}};
handle_cast(note, Handled) when is_integer(Handled) -> {noreply, Handled + 1};
handle_cast({partner, Partner}, {player, _, Left, Judge}) -> {noreply, {player, Partner, Left, Judge}};
handle_cast(ball, {player, Partner, 1, Judge}) ->
    Judge ! over,
    {noreply, {player, Partner, 0, Judge}};
handle_cast(ball, {player, Partner, Left, Judge}) ->
    gen_server:cast(Partner, ball),
    {noreply, {player, Partner, Left - 1, Judge}};
handle_cast(crash, {phoenix, _}) -> error(crashed).

handle_call(question, _From, {phoenix, _} = State) -> {reply, 1, State};
handle_call(question, _From, Handled) -> {reply, Handled + 1, Handled + 1};
handle_call(how_many, _From, {player, _, Left, _} = State) -> {reply, Left, State};
handle_call(how_many, _From, {member, _, Handled} = State) -> {reply, Handled, State};
handle_call(how_many, _From, Handled) -> {reply, Handled, Handled};
handle_call({ask, Target, Questions}, _From, State) -> {reply, ask(Target, Questions, 0), State}.

handle_info(fact, {member, Driver, Handled}) -> {noreply, {member, Driver, Handled + 1}};
handle_info(day_ended, {member, Driver, Handled}) ->
    Driver ! ended,
    {noreply, {member, Driver, Handled + 1}}.

cast(Messages) ->
    Pid = started(0),
    {Messages, Time} = timed(fun() -> cast(Pid, Messages, 0) end),
    gen_server:stop(Pid),
    {Messages, Time}.

cast(_, 0, Handled) -> Handled;
cast(Pid, Left, _) ->
    Burst = min(?BURST, Left),
    cast_burst(Pid, Burst),
    cast(Pid, Left - Burst, gen_server:call(Pid, how_many, infinity)).

cast_burst(_, 0) -> ok;
cast_burst(Pid, Left) ->
    gen_server:cast(Pid, note),
    cast_burst(Pid, Left - 1).

ping_pong(Hops) ->
    Each = max(1, Hops div 2),
    First = started({player, none, Each + 1, self()}),
    Second = started({player, First, Each, self()}),
    gen_server:cast(First, {partner, Second}),
    {over, Time} = timed(fun() -> gen_server:cast(First, ball), receive over -> over end end),
    {1, 0} = {gen_server:call(First, how_many), gen_server:call(Second, how_many)},
    {2 * Each, Time}.

call(Questions) ->
    Pid = started(0),
    {Questions, Time} = timed(fun() -> ask(Pid, Questions, 0) end),
    gen_server:stop(Pid),
    {Questions, Time}.

ask(_, 0, Answer) -> Answer;
ask(Pid, Left, _) -> ask(Pid, Left - 1, gen_server:call(Pid, question)).

call_from_handler(Questions) ->
    Target = started(0),
    Asker = started(asker),
    {Questions, Time} = timed(fun() -> gen_server:call(Asker, {ask, Target, Questions}, infinity) end),
    {Questions, Time}.

call_in_parallel(Questions) ->
    Each = max(1, Questions div ?ASKERS),
    Pid = started(0),
    {_, Time} = timed(fun() ->
        Askers = [spawn_monitor(fun() -> ask(Pid, Each, 0) end) || _ <- lists:seq(1, ?ASKERS)],
        [receive {'DOWN', Monitor, process, _, normal} -> ok end || {_, Monitor} <- Askers]
    end),
    Handled = Each * ?ASKERS,
    Handled = gen_server:call(Pid, how_many),
    {Handled, Time}.

start_newcomer(newcomer, Left, Driver) -> gen_server:start_link(?MODULE, {newcomer, Left, Driver}, []).

start_children(Actors) ->
    {ok, Crowd} = supervisor:start_link(?MODULE, crowd),
    Left = atomics:new(1, []),
    atomics:put(Left, 1, Actors),
    {over, Time} = timed(fun() -> start_children(Crowd, Left, Actors) end),
    Actors = proplists:get_value(active, supervisor:count_children(Crowd)),
    stop(Crowd),
    {Actors, Time}.

start_children(_, _, 0) -> receive over -> over end;
start_children(Crowd, Left, Actors) ->
    {ok, Pid} = supervisor:start_child(Crowd, [newcomer, Left, self()]),
    gen_server:cast(Pid, note),
    start_children(Crowd, Left, Actors - 1).

publish(Deliveries) ->
    {ok, Scope} = pg:start_link(),
    Bursts = max(1, Deliveries div ((?FACTS + 1) * ?FAN_OUT)),
    Members = [started({member, self(), 0}) || _ <- lists:seq(1, ?FAN_OUT)],
    {_, Time} = timed(fun() -> [publish_burst() || _ <- lists:seq(1, Bursts)] end),
    Each = Bursts * (?FACTS + 1),
    [Each = gen_server:call(Member, how_many) || Member <- Members],
    [gen_server:stop(Member) || Member <- Members],
    stop(Scope),
    {Each * ?FAN_OUT, Time}.

publish_burst() ->
    [broadcast(fact) || _ <- lists:seq(1, ?FACTS)],
    broadcast(day_ended),
    [receive ended -> ok end || _ <- lists:seq(1, ?FAN_OUT)].

broadcast(Fact) -> [Pid ! Fact || Pid <- pg:get_members(facts)].

start_phoenix(Phoenix) -> gen_server:start_link(?MODULE, Phoenix, []).

restart(Failures) -> restart(max(1, Failures div ?FAILURES), 0, 0).

restart(0, Done, Time) -> {Done, Time};
restart(Supervisors, Done, Time) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {sup, {phoenix, self()}}),
    First = receive {new, Pid} -> Pid end,
    {Last, Took} = timed(fun() -> fail(First, ?FAILURES) end),
    true = is_process_alive(Last),
    stop(Supervisor),
    restart(Supervisors - 1, Done + ?FAILURES, Time + Took).

fail(Pid, 0) -> Pid;
fail(Pid, Left) ->
    gen_server:cast(Pid, crash),
    New = receive {new, Started} -> Started end,
    1 = gen_server:call(New, question),
    fail(New, Left - 1).

stop(Pid) ->
    unlink(Pid),
    Monitor = monitor(process, Pid),
    exit(Pid, shutdown),
    receive {'DOWN', Monitor, process, _, _} -> ok after 60000 -> exit(Pid, kill) end.

weigh(otp, Actors) ->
    {weighed(Actors, fun() -> weighed_server(false) end), weighed(Actors, fun() -> weighed_server(true) end)};
weigh(plain, Actors) ->
    {weighed(Actors, fun() -> Pid = spawn(fun() -> count(0) end), Pid ! note, Pid end), none}.

weighed_server(Hibernates) ->
    Pid = started({weighed, Hibernates}),
    gen_server:cast(Pid, note),
    Pid.

weighed(Actors, Start) ->
    Before = erlang:memory(total),
    Pids = [Start() || _ <- lists:seq(1, Actors)],
    timer:sleep(1000), % until the last of them is idle
    After = erlang:memory(total),
    [{message_queue_len, 0} = process_info(Pid, message_queue_len) || Pid <- Pids],
    [exit(Pid, kill) || Pid <- Pids],
    (After - Before) / Actors.

%% Processes without a behaviour

count(Handled) ->
    receive
        note -> count(Handled + 1);
        {question, From, Reference} ->
            From ! {Reference, Handled + 1},
            count(Handled + 1);
        stop -> ok
    end.

send(Messages) ->
    Pid = spawn(fun() -> count(0) end),
    Bursts = -(-Messages div ?BURST),
    {Handled, Time} = timed(fun() -> send(Pid, Messages, 0) end),
    true = Handled >= Messages + Bursts,
    Pid ! stop,
    {Messages, Time}.

send(_, 0, Handled) -> Handled;
send(Pid, Left, _) ->
    Burst = min(?BURST, Left),
    send_burst(Pid, Burst),
    send(Pid, Left - Burst, plain_question(Pid)).

send_burst(_, 0) -> ok;
send_burst(Pid, Left) ->
    Pid ! note,
    send_burst(Pid, Left - 1).

plain_question(Pid) ->
    Reference = monitor(process, Pid),
    Pid ! {question, self(), Reference},
    receive
        {Reference, Answer} ->
            demonitor(Reference, [flush]),
            Answer
    end.

plain_ask(Questions) ->
    Pid = spawn(fun() -> count(0) end),
    {Questions, Time} = timed(fun() -> plain_ask(Pid, Questions, 0) end),
    Pid ! stop,
    {Questions, Time}.

plain_ask(_, 0, Answer) -> Answer;
plain_ask(Pid, Left, _) -> plain_ask(Pid, Left - 1, plain_question(Pid)).

plain_ping_pong(Hops) ->
    Each = max(1, Hops div 2),
    Judge = self(),
    First = spawn(fun() -> receive {partner, Partner} -> play(Partner, Each + 1, Judge) end end),
    Second = spawn(fun() -> play(First, Each, Judge) end),
    First ! {partner, Second},
    {over, Time} = timed(fun() -> First ! ball, receive over -> over end end),
    exit(Second, kill),
    exit(First, kill),
    {2 * Each, Time}.

play(Partner, Left, Judge) ->
    receive
        ball when Left =:= 1 ->
            Judge ! over,
            play(Partner, 0, Judge);
        ball ->
            Partner ! ball,
            play(Partner, Left - 1, Judge)
    end.

plain_spawn(Actors) ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, Actors),
    Driver = self(),
    {Pids, Time} = timed(fun() ->
        Spawned = [begin
            Pid = spawn(fun() -> greeted(Left, Driver) end),
            Pid ! note,
            Pid
        end || _ <- lists:seq(1, Actors)],
        receive over -> Spawned end
    end),
    [exit(Pid, kill) || Pid <- Pids],
    {Actors, Time}.

greeted(Left, Driver) ->
    receive
        note ->
            case atomics:sub_get(Left, 1, 1) of
                0 -> Driver ! over;
                _ -> ok
            end,
            greeted(Left, Driver)
    end.
