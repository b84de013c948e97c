using PolyType;
using RpcNet;

namespace RpcNetCluster1;

/// <summary>What a worker does.</summary>
[RpcService("work.v1.Work")]
public interface IWork
{
    /// <summary>Squares a number. Idempotent, so that a call is tried again at another worker when one fails.</summary>
    [RpcMethod(Idempotent = true)]
    ValueTask<Square> SquareAsync(int number, CancellationToken cancellationToken = default);
}

/// <summary>A square, and who computed it.</summary>
[GenerateShape]
public sealed partial record Square(int Value, string Worker);
