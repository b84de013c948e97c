using System.ComponentModel;

namespace RpcNet;

/// <summary>What generated clients and binders share. Not meant to be called by hand.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class RpcGeneratedCode
{
    /// <summary>Drops the empty result of a method that returns no value.</summary>
    public static ValueTask WithoutResult(ValueTask<RpcEmpty> call)
    {
        if (!call.IsCompletedSuccessfully)
        {
            return new ValueTask(call.AsTask());
        }

        // A pooled source is given back by reading its result.
        _ = call.Result;
        return default;
    }

    /// <summary>Gives a handler that returns no value the empty result.</summary>
    public static ValueTask<RpcEmpty> WithEmptyResult(ValueTask call)
    {
        if (call.IsCompletedSuccessfully)
        {
            call.GetAwaiter().GetResult();
            return default;
        }

        return Await(call);

        static async ValueTask<RpcEmpty> Await(ValueTask call)
        {
            await call.ConfigureAwait(false);
            return default;
        }
    }
}
