using System.Collections.Concurrent;

namespace RpcNet;

/// <summary>Filters composed once for each method, not once for each call.</summary>
internal sealed class FilterPipelines(IReadOnlyList<IRpcFilter> filters)
{
    private readonly ConcurrentDictionary<RpcMethod, RpcFilterDelegate> _pipelines = new(ReferenceEqualityComparer.Instance);

    public bool IsEmpty => filters.Count == 0;

    /// <summary>The filters around <paramref name="terminal"/>, which must not capture a call.</summary>
    public RpcFilterDelegate Get<TState>(RpcMethod method, TState state, Func<TState, RpcFilterDelegate> terminal)
    {
        if (_pipelines.TryGetValue(method, out var pipeline))
        {
            return pipeline;
        }

        return _pipelines.GetOrAdd(method, Compose(terminal(state)));
    }

    public RpcFilterDelegate Compose(RpcFilterDelegate terminal)
    {
        var next = terminal;
        for (var i = filters.Count - 1; i >= 0; i--)
        {
            var filter = filters[i];
            var inner = next;
            next = context => filter.InvokeAsync(context, inner);
        }

        return next;
    }
}
