# Elixir's Registry with duplicate keys, its local pub-sub: one fact dispatched to 100 GenServers.
#
# Prints the version, and one line of JSON for the work. The arguments are: by what the size is divided, and the works.
defmodule Peers.Subscriber do
  use GenServer

  @impl true
  def init(driver) do
    {:ok, _} = Registry.register(Peers.Facts, :order_placed, nil)
    {:ok, {driver, 0}}
  end

  @impl true
  def handle_info(:fact, {driver, handled}), do: {:noreply, {driver, handled + 1}}

  def handle_info(:day_ended, {driver, handled}) do
    send(driver, :ended)
    {:noreply, {driver, handled + 1}}
  end

  @impl true
  def handle_call(:how_many, _from, {_, handled} = state), do: {:reply, handled, state}
end

defmodule Peers.Publishing do
  @fan_out 100
  @facts 10
  @deliveries 1_000_000

  def main([divisor | works]) do
    IO.puts(~s|{"version": "#{System.version()} (OTP #{System.otp_release()})", "python": null}|)
    {:ok, _} = Registry.start_link(keys: :duplicate, name: Peers.Facts)
    operations = div(@deliveries, String.to_integer(divisor))

    for "publish_def" <- works do
      publish(div(operations, 100))
      {done, nanoseconds} = publish(operations)
      each = :erlang.float_to_binary(nanoseconds / done / 1.0e9, decimals: 12)
      IO.puts(~s|{"work": "publish_def", "operations": #{done}, "seconds_each": #{each}}|)
    end
  end

  defp publish(deliveries) do
    bursts = max(1, div(deliveries, (@facts + 1) * @fan_out))

    subscribers =
      for _ <- 1..@fan_out do
        {:ok, pid} = GenServer.start(Peers.Subscriber, self())
        pid
      end

    began = System.monotonic_time(:nanosecond)
    for _ <- 1..bursts, do: burst()
    nanoseconds = System.monotonic_time(:nanosecond) - began
    each = bursts * (@facts + 1)

    for pid <- subscribers do
      ^each = GenServer.call(pid, :how_many)
      GenServer.stop(pid)
    end

    {each * @fan_out, nanoseconds}
  end

  defp burst do
    for _ <- 1..@facts, do: broadcast(:fact)
    broadcast(:day_ended)
    for _ <- 1..@fan_out, do: receive(do: (:ended -> :ok))
  end

  defp broadcast(fact) do
    Registry.dispatch(Peers.Facts, :order_placed, fn entries ->
      for {pid, _} <- entries, do: send(pid, fact)
    end)
  end
end

Peers.Publishing.main(System.argv())
