using System.Runtime.CompilerServices;

namespace RpcNet.Hosting.Tests.Support;

[RpcService("test.v1.Greeter")]
public interface IGreeter
{
    ValueTask<string> GreetAsync(string name, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> CountAsync(int to, CancellationToken cancellationToken = default);
}

/// <summary>What lives as long as one call.</summary>
public sealed class CallScope : IDisposable
{
    private static int _disposed;

    public static int Disposed => Volatile.Read(ref _disposed);

    public string Seen { get; set; } = "";

    public void Dispose() => Interlocked.Increment(ref _disposed);
}

public sealed class Greeter(CallScope scope) : IGreeter
{
    public ValueTask<string> GreetAsync(string name, CancellationToken cancellationToken) =>
        name == "fail" ? throw new InvalidOperationException("secret") : new($"Hello {name}{scope.Seen}");

    public async IAsyncEnumerable<int> CountAsync(int to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 1; i <= to; i++)
        {
            await Task.Yield();
            yield return i;
        }
    }
}

/// <summary>Answers when the test lets it.</summary>
public sealed class GatedGreeter : IGreeter
{
    public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async ValueTask<string> GreetAsync(string name, CancellationToken cancellationToken)
    {
        Entered.TrySetResult();
        await Gate.Task.WaitAsync(cancellationToken);
        return $"Hello {name}, at last";
    }

    public IAsyncEnumerable<int> CountAsync(int to, CancellationToken cancellationToken) => AsyncEnumerable.Empty<int>();
}

public sealed class MarkFilter(CallScope scope) : IRpcFilter
{
    public async ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next)
    {
        scope.Seen += " [marked]";
        await next(context);
    }
}
