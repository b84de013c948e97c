using System.Runtime.CompilerServices;

namespace RpcNet.Testing.Tests.Support;

[RpcService("testing.v1.Echo")]
public interface IEcho
{
    ValueTask<string> EchoAsync(string text, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> CountAsync(int to, CancellationToken cancellationToken = default);
}

/// <summary>What an answer costs: a second.</summary>
public class EchoWork(TimeProvider time)
{
    public virtual Task DoAsync(CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken);
}

public sealed class SlowEcho(EchoWork work) : IEcho
{
    public async ValueTask<string> EchoAsync(string text, CancellationToken cancellationToken)
    {
        await work.DoAsync(cancellationToken);
        return text;
    }

    public async IAsyncEnumerable<int> CountAsync(int to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 1; i <= to; i++)
        {
            await work.DoAsync(cancellationToken);
            yield return i;
        }
    }
}
