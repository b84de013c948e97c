using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Simplification;

namespace RpcNet.Generators.CodeFixes;

/// <summary>Makes attributes whose names shrink to what the file's usings allow.</summary>
internal static class Attributes
{
    public static AttributeListSyntax Of(string name) =>
        SyntaxFactory.AttributeList([
            SyntaxFactory.Attribute((NameSyntax)SyntaxFactory.ParseTypeName(name)
                .WithAdditionalAnnotations(Simplifier.Annotation, Simplifier.AddImportsAnnotation)),
        ]);
}
