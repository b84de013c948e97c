using PolyType;
using RpcNet;

namespace RpcNetService1;

/// <summary>What the service does. A source generator writes its client and its server base.</summary>
[RpcService("greeter.v1.Greeter")]
public interface IGreeter
{
    /// <summary>Greets by name.</summary>
    [RpcMethod(Idempotent = true)]
    ValueTask<Greeting> GreetAsync(string name, CancellationToken cancellationToken = default);
}

/// <summary>A greeting, and how many there were before it.</summary>
[GenerateShape]
public sealed partial record Greeting(string Text, int Before);
