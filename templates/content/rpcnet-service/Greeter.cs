namespace RpcNetService1;

/// <summary>Counts greetings, over all calls.</summary>
internal sealed class GreetingCounter
{
    private int _count;

    public int Next() => Interlocked.Increment(ref _count) - 1;
}

/// <summary>The service: made anew for each call, with what it needs from the container.</summary>
internal sealed class Greeter(GreetingCounter counter) : IGreeter
{
    public ValueTask<Greeting> GreetAsync(string name, CancellationToken cancellationToken) =>
        new(new Greeting($"Hello {name}", counter.Next()));
}
