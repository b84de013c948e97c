using PolyType;

namespace RpcNet.Generators.Tests.Calls;

[GenerateShape]
public partial record Sum(int Value, string? Note = null);

public enum Tone
{
    Plain,
    Loud,
}

[RpcService("tests.v1.Everything")]
public interface IEverything
{
    /// <summary>One argument.</summary>
    ValueTask<Sum> OneAsync(Sum request, CancellationToken cancellationToken = default);

    ValueTask NothingAsync(CancellationToken cancellationToken = default);

    Task TaskAsync(int @class, CancellationToken cancellationToken = default);

    Task<string?> MaybeAsync(string? text = null, CancellationToken cancellationToken = default);

    [RpcMethod(Name = "Plus", Idempotent = true, Replayable = true, TimeoutMilliseconds = 1500)]
    ValueTask<int> AddAsync(int a, int b = 7, Tone tone = Tone.Loud, CancellationToken cancellationToken = default);

    ValueTask<List<int>> ManyAsync(
        int a, string b, List<int> c, Dictionary<string, Sum?> d, (int X, string? Y) e, byte[] f, long? g, double h = double.NaN);

    IAsyncEnumerable<int> CountAsync(int to, CancellationToken cancellationToken = default);

    IAsyncEnumerable<string> TicksAsync();

    ValueTask<int> TotalAsync(IAsyncEnumerable<int> items, CancellationToken cancellationToken = default);

    Task UploadAsync(string name, IAsyncEnumerable<Sum> rows, int version, CancellationToken cancellationToken = default);

    IAsyncEnumerable<Sum> ChatAsync(IAsyncEnumerable<string> input, CancellationToken cancellationToken = default);

    IAsyncEnumerable<int> ScaleAsync(int factor, IAsyncEnumerable<int> input, int offset);

    /// <summary>Local: it has a body and does not travel.</summary>
    ValueTask<int> TwiceAsync(int a) => AddAsync(a, a);
}

public interface IPing
{
    ValueTask<int> PingAsync(int value, CancellationToken cancellationToken = default);
}

[RpcService("tests.v1.Derived")]
public interface IDerived : IPing
{
    ValueTask<int> OwnAsync(CancellationToken cancellationToken = default);
}

[RpcService("tests.v2.Everything")]
public interface IEverythingLater
{
    [RpcMethod(Name = "Plus")]
    ValueTask<int> AddAsync(int a, int b, Tone tone, string comment, CancellationToken cancellationToken = default);
}
